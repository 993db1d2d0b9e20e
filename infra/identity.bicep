// Two identities, so that what the app may do and what Azure's services may do with keys never mix.

param stem string
param location string
param tags object

resource app 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-app-${stem}'
  location: location
  tags: tags
}

// Event Hubs, Storage and Cosmos DB unwrap customer-managed keys with it, and Capture writes with it.
resource services 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: 'id-services-${stem}'
  location: location
  tags: tags
}

output appIdentityId string = app.id
output appPrincipalId string = app.properties.principalId
output appClientId string = app.properties.clientId
output serviceIdentityId string = services.id
output servicePrincipalId string = services.properties.principalId
