package config

import "github.com/raftdm/raftdm/internal/filter"

// DumpTables is which tables extra-args wants dumped.
type DumpTables struct {
	Schemas []string
	Include []filter.TablePattern
	// Exclude is of what the others select.
	Exclude []filter.TablePattern
}

// filter compiles the list.
func (d *DumpTables) filter(o filter.Options) (TableFilter, error) {
	in, err := filter.New(filter.Rules{DoDBs: d.Schemas, DoTables: d.Include}, o)
	if err != nil || len(d.Exclude) == 0 {
		return copied{in}, err
	}
	f := &difference{in: copied{in}}
	if f.tables, err = filter.New(filter.Rules{DoTables: d.Exclude}, o); err != nil {
		return nil, err
	}
	var whole []string
	for _, p := range d.Exclude {
		if p.Table == "*" {
			whole = append(whole, p.Schema)
		}
	}
	if len(whole) > 0 {
		f.schemas, err = filter.New(filter.Rules{DoDBs: whole}, o)
	}
	return f, err
}

// copied is a filter as the dump sees it: statements about schemas are those that
// make them.
type copied struct{ *filter.Filter }

// MatchSchema implements TableFilter.
func (c copied) MatchSchema(schema string) bool { return c.CopiesSchema(schema) }

// difference is what one filter selects and another one does not.
type difference struct {
	in      copied
	tables  *filter.Filter
	schemas *filter.Filter // of which all tables are excluded; nil for none
}

// MatchSchema implements TableFilter.
func (d *difference) MatchSchema(schema string) bool {
	return d.in.MatchSchema(schema) && (d.schemas == nil || !d.schemas.MatchSchema(schema))
}

// MatchTable implements TableFilter.
func (d *difference) MatchTable(schema, table string) bool {
	return d.in.MatchTable(schema, table) && !d.tables.MatchTable(schema, table)
}
