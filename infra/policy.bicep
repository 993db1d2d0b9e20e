// Built-in initiatives whose policies audit only. Not enforced: they report on the group and change nothing in it.

param location string

var initiatives = [
  { name: 'hitrust-csf', title: 'HITRUST CSF v11.3', id: 'e0d47b75-5d99-442a-9d60-07f2595ab095' }
  { name: 'soc-2', title: 'SOC 2 (2023)', id: '53ad89f5-8542-49e9-ba81-1cbd686e0d52' }
  { name: 'pci-dss', title: 'PCI DSS v4', id: 'c676748e-3af9-4e22-bc28-50feed564afb' }
]

resource assignments 'Microsoft.Authorization/policyAssignments@2026-06-01' = [for initiative in initiatives: {
  name: 'tidemark-${initiative.name}'
  location: location
  properties: {
    displayName: initiative.title
    policyDefinitionId: tenantResourceId('Microsoft.Authorization/policySetDefinitions', initiative.id)
    enforcementMode: 'DoNotEnforce'
  }
}]
