package filter

// Rules is one entry of block-allow-list. The zero value selects every
// non-system table.
type Rules struct {
	DoDBs        []string
	IgnoreDBs    []string
	DoTables     []TablePattern
	IgnoreTables []TablePattern
}

// TablePattern names tables by a pattern for the schema and one for the table.
type TablePattern struct {
	Schema string
	Table  string
}
