package edges

import "strings"

// Column is one type with values at its edges, at least two.
type Column struct {
	Type   string
	Values []string
	// OnTiDB is the type by which TiDB stands in for one that it lacks; "" where it
	// has the type, "-" where it has nothing like it.
	OnTiDB string
}

// Group is a number of types that are alike, and fit into one table together.
type Group struct {
	Name    string
	Columns []Column
}

// Keyable tells whether the type may be part of a key without a prefix length.
func (c *Column) Keyable() bool {
	for _, no := range []string{"TEXT", "BLOB", "JSON", "POINT", "GEOMETRY", "LINESTRING", "POLYGON", "MULTI", "COMPRESSED"} {
		if strings.Contains(c.Type, no) {
			return false
		}
	}
	return true
}

// IsJSON tells whether a TiDB keeps the column as a document, so that equal ones
// may be spelled differently.
func (c *Column) IsJSON() bool { return strings.HasPrefix(c.Type, "JSON") }

// Form is how the column with a name is read so that equal bytes, and no others,
// give equal results on both sides. tidb tells that one of them is a TiDB.
func (c *Column) Form(name string, tidb bool) string {
	kind, _, _ := strings.Cut(c.Type, "(")
	text := "HEX(CONVERT(" + name + " USING utf8mb4))"
	switch strings.Fields(kind)[0] {
	case "FLOAT", "DOUBLE":
		if tidb { // which does nothing when 0 shall become -0
			return name + " + 0e0"
		}
		return name
	case "DECIMAL", "YEAR", "DATE", "DATETIME", "TIMESTAMP", "TIME":
		if strings.Contains(c.Type, "ZEROFILL") && tidb { // which does not print the zeros
			return "CAST(" + name + " + 0 AS CHAR)"
		}
		return "CAST(" + name + " AS CHAR)"
	case "SET":
		if tidb { // whose numbers end at 63 bits
			return text
		}
		return "CONCAT(" + name + " + 0, ' ', " + text + ")"
	case "ENUM":
		return "CONCAT(" + name + " + 0, ' ', " + text + ")"
	case "POINT", "GEOMETRY", "LINESTRING", "POLYGON", "MULTIPOINT", "MULTILINESTRING", "MULTIPOLYGON", "GEOMETRYCOLLECTION":
		return "CONCAT(ST_SRID(" + name + "), ' ', HEX(ST_AsWKB(" + name + ")), ' ', HEX(" + name + "))"
	case "JSON":
		if tidb { // which stores a form of its own
			return name
		}
	case "UUID", "INET4", "INET6":
		return "CAST(" + name + " AS CHAR)"
	}
	if tidb && strings.Contains(c.Type, "CHARACTER SET") && !strings.Contains(c.Type, "CHARACTER SET binary") {
		return text
	}
	return "HEX(" + name + ")"
}
