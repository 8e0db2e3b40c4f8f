package schema

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// dataType reads a type with its brackets and gives it its canonical name.
func (p *columnParser) dataType() error {
	if p.done() || p.peek(0).kind != word {
		return p.unexpected("a data type")
	}
	name := strings.ToLower(p.next().text)
	switch name {
	case "national":
		p.cs.charset = "utf8"
		name = strings.ToLower(p.next().text)
	case "nchar", "nvarchar":
		p.cs.charset = "utf8"
		name = name[1:]
	case "double":
		p.accept("PRECISION")
	case "long":
		name = "mediumtext"
		switch {
		case p.accept("VARBINARY"):
			name = "mediumblob"
		case p.accept("VARCHAR"), p.accept("CHAR", "VARYING"), p.accept("CHARACTER", "VARYING"):
		}
	case "serial":
		p.col.Type, p.col.Unsigned = "bigint", true
		p.serial()
		return nil
	}
	if (name == "char" || name == "character") && p.accept("VARYING") {
		name = "varchar"
	}
	if name == "char" && p.accept("BYTE") {
		name = "binary"
	}
	return p.named(name)
}

// named fills the column from the type's name and its brackets.
func (p *columnParser) named(name string) error {
	c := &p.col
	t, known := canonicalType(name)
	if !known {
		p.pos--
		return fault.New(fault.Schema, fmt.Sprintf("data type %q is not known", name))
	}
	c.Type = t
	if name == "bool" || name == "boolean" {
		c.Length = 1
	}
	if p.peek(0).is("(") {
		args, err := p.group()
		if err != nil {
			return err
		}
		if err := p.arguments(&cursor{tokens: args}); err != nil {
			return err
		}
	} else if c.Type == "char" || c.Type == "binary" || c.Type == "bit" {
		c.Length = 1
	}
	return nil
}

func (p *columnParser) arguments(args *cursor) error {
	c := &p.col
	switch c.Type {
	case "enum", "set":
		for !args.done() {
			if args.peek(0).kind != str {
				return args.unexpected("a quoted element")
			}
			// The server strips trailing blanks of elements, too.
			c.Elems = append(c.Elems, strings.TrimRight(args.next().text, " "))
			args.accept(",")
		}
		return nil
	}
	n, err := args.number()
	if err != nil {
		return err
	}
	if temporal(c.Type) {
		c.Decimals = n
	} else {
		c.Length = n
	}
	if args.accept(",") {
		if c.Decimals, err = args.number(); err != nil {
			return err
		}
	}
	if c.Type == "float" && c.Decimals < 0 { // FLOAT(p) chooses between two types
		if c.Length > 24 {
			c.Type = "double"
		}
		c.Length = -1
	}
	if !args.done() {
		return args.unexpected(")")
	}
	return nil
}

// temporal tells whether the number in a type's brackets counts fractional digits.
func temporal(t string) bool { return t == "time" || t == "datetime" || t == "timestamp" }

// canonicalType maps the spellings of a type to one. Types of MariaDB and
// spatial types, which other parsers do not read, are here too.
func canonicalType(name string) (string, bool) {
	switch name {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double", "bit",
		"char", "varchar", "binary", "varbinary",
		"tinytext", "text", "mediumtext", "longtext", "tinyblob", "blob", "mediumblob", "longblob",
		"enum", "set", "json", "year", "date", "time", "datetime", "timestamp",
		"geometry", "point", "linestring", "polygon",
		"multipoint", "multilinestring", "multipolygon", "geometrycollection",
		"uuid", "inet4", "inet6", "vector":
		return name, true
	case "bool", "boolean", "int1":
		return "tinyint", true
	case "int2":
		return "smallint", true
	case "int3", "middleint":
		return "mediumint", true
	case "int4", "integer":
		return "int", true
	case "int8":
		return "bigint", true
	case "dec", "numeric", "fixed", "number":
		return "decimal", true
	case "float4":
		return "float", true
	case "float8", "real":
		return "double", true
	case "character":
		return "char", true
	case "varcharacter", "varchar2":
		return "varchar", true
	case "geomcollection":
		return "geometrycollection", true
	}
	return "", false
}

// sizeText turns TEXT(n) and BLOB(n) into the type that holds n characters of
// the column's character set, or n bytes.
func (c *columnDef) sizeText() {
	if c.Type != "text" && c.Type != "blob" || c.Length < 0 {
		return
	}
	prefix, bytes := "long", c.Length*maxBytes(c.Charset)
	switch {
	case bytes < 1<<8:
		prefix = "tiny"
	case bytes < 1<<16:
		prefix = ""
	case bytes < 1<<24:
		prefix = "medium"
	}
	c.size, c.Type, c.Length = c.Length, prefix+c.Type, -1
}

// toBinary is what a character type becomes in the character set "binary".
func (c *columnDef) toBinary() {
	switch c.Type {
	case "char":
		c.Type = "binary"
	case "varchar":
		c.Type = "varbinary"
	case "tinytext", "text", "mediumtext", "longtext":
		c.Type = strings.TrimSuffix(c.Type, "text") + "blob"
	default:
		return // ENUM and SET stay
	}
	c.Charset, c.Collate = "", ""
}

// renderType gives the canonical text of the type.
func (c *columnDef) renderType(zerofill bool) string {
	b := []byte(c.Type)
	switch {
	case c.Type == "enum" || c.Type == "set":
		for i, e := range c.Elems {
			sep := byte(',')
			if i == 0 {
				sep = '('
			}
			b = append(b, sep)
			b = appendQuoted(b, e)
		}
		b = append(b, ')')
	case temporal(c.Type) && c.Decimals >= 0:
		b = fmt.Appendf(b, "(%d)", c.Decimals)
	case c.Length >= 0 && c.Decimals >= 0:
		b = fmt.Appendf(b, "(%d,%d)", c.Length, c.Decimals)
	case c.Length >= 0:
		b = fmt.Appendf(b, "(%d)", c.Length)
	}
	if c.Unsigned {
		b = append(b, " unsigned"...)
	}
	if zerofill {
		b = append(b, " zerofill"...)
	}
	return string(b)
}

// spatial tells the types of shapes.
func spatial(t string) bool {
	switch t {
	case "geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection":
		return true
	}
	return false
}
