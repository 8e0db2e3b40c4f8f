package schema

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// Parse reads a CREATE TABLE statement as MySQL 5.7 to 9, MariaDB 10 and 11 or
// TiDB print it under sqlMode. A schema in the statement wins over
// defaultSchema. The Table's CreateSQL is canonical: it is to be read again
// with the empty sql_mode.
//
// What cannot be read is an error that names the table and the fragment.
func Parse(createSQL, sqlMode, defaultSchema string) (*Table, error) {
	d, schema, err := parseCreate(createSQL, sqlMode, charsets{})
	if err != nil {
		return nil, readError(createSQL, err)
	}
	if schema == "" {
		schema = defaultSchema
	}
	return d.table(schema), nil
}

func readError(createSQL string, err error) error {
	op := "read the structure in " + fmt.Sprintf("%q", excerpt(strings.Join(strings.Fields(createSQL), " ")))
	return fault.Wrap(op, err)
}

// charsets is a character set with its collation, "" where not given.
type charsets struct{ charset, collate string }

// fallbackCharset applies where neither statement nor schema names one.
func fallbackCharset() charsets { return charsets{"utf8mb4", "utf8mb4_general_ci"} }

// parseCreate reads a CREATE TABLE; inherited is the schema's character set.
// The second result is the schema named in the statement, "" if none is.
func parseCreate(createSQL, sqlMode string, inherited charsets) (*definition, string, error) {
	tokens, err := lex(createSQL, sqlMode)
	if err != nil {
		return nil, "", err
	}
	c := &cursor{tokens: tokens}
	schema, table, err := parseHead(c)
	if err != nil {
		return nil, "", err
	}
	d := &definition{name: table}
	body, err := c.group()
	if err != nil {
		return nil, "", inTable(table, err)
	}
	cs, err := parseOptions(c, d)
	if err != nil {
		return nil, "", inTable(table, err)
	}
	d.charset, d.collate = cs.orElse(inherited).resolve()
	p := &bodyParser{d: d}
	for _, item := range splitCommas(body) {
		if err := p.item(&cursor{tokens: item}); err != nil {
			return nil, "", inTable(table, err)
		}
	}
	return d, schema, inTable(table, p.finish())
}

func inTable(table string, err error) error { return fault.Wrap(fmt.Sprintf("table `%s`", table), err) }

func parseHead(c *cursor) (schema, table string, err error) {
	if err := c.expect("CREATE"); err != nil {
		return "", "", err
	}
	c.accept("OR", "REPLACE")
	c.accept("TEMPORARY")
	if err := c.expect("TABLE"); err != nil {
		return "", "", err
	}
	c.accept("IF", "NOT", "EXISTS")
	if table, err = c.name(); err != nil {
		return "", "", err
	}
	if c.accept(".") {
		schema = table
		table, err = c.name()
	}
	return schema, table, err
}

// parseOptions reads what follows the column list, up to the partitions.
func parseOptions(c *cursor, d *definition) (charsets, error) {
	var cs charsets
	for !c.done() {
		switch {
		case c.accept(","), c.accept(";"), c.accept("DEFAULT"):
		case c.accept("CHARACTER", "SET"), c.accept("CHARSET"):
			c.accept("=")
			cs.charset = strings.ToLower(c.next().text)
		case c.accept("COLLATE"):
			c.accept("=")
			cs.collate = strings.ToLower(c.next().text)
		case c.peek(0).is("PARTITION"):
			return cs, nil
		case c.peek(0).is("WITH"), c.peek(0).is("SEQUENCE"):
			return cs, &fault.Error{
				Kind: fault.Unsupported,
				Msg:  fmt.Sprintf("%q is not supported yet", excerpt(sqlText(c.tokens[c.pos:]))),
				Hint: "exclude the table in the task's block-allow-list",
			}
		default:
			o, err := parseOption(c)
			if err != nil {
				return cs, err
			}
			if o.name != "AUTO_INCREMENT" {
				d.options = append(d.options, o)
			}
		}
	}
	return cs, nil
}

// parseOption reads one option "name [=] value".
func parseOption(c *cursor) (option, error) {
	start := c.pos
	if _, err := c.name(); err != nil {
		return option{}, err
	}
	c.accept("DIRECTORY") // DATA DIRECTORY, INDEX DIRECTORY
	name := sqlText(c.tokens[start:c.pos])
	if c.tokens[start].kind == word {
		name = strings.ToUpper(name)
	}
	c.accept("=")
	start = c.pos
	switch {
	case c.done():
		return option{}, c.unexpected("a value of " + name)
	case c.peek(0).is("("):
		if _, err := c.group(); err != nil {
			return option{}, err
		}
	default:
		c.pos++
	}
	return option{name: name, value: sqlText(c.tokens[start:c.pos])}, nil
}
