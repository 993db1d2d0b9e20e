/**
 * The byte that a column begins with. How many values it has is known from what it belongs to.
 *
 *     packed    block of MessagePack: an array of the values
 *     integers  double smallest, byte width of a difference (0, 1, 2 or 4), differences to the smallest
 *     doubles   doubles
 *     texts     byte width of a length (1 or 4), lengths in UTF-16 units, block of all texts as one in UTF-8
 *     binaries  column of lengths, all bytes as one
 *     runs      word number of runs, column of their lengths, column of their values
 *     gaps      a byte for each value (0 there, 1 null, 2 undefined), column of those that are there
 *     tuples    word length of each, a column for each place
 *     lists     column of lengths, column of all elements
 *     records   word number of fields, column of their names, a column for each field
 *     maps      column of sizes, column of all keys, column of all values
 */
export const KIND = {
  packed: 0,
  integers: 1,
  doubles: 2,
  texts: 3,
  binaries: 4,
  runs: 5,
  gaps: 6,
  tuples: 7,
  lists: 8,
  records: 9,
  maps: 10,
} as const;
