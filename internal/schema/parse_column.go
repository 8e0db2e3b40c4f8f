package schema

import (
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/fault"
)

// parseColumn reads one column definition. The index kind tells whether the
// column is declared PRIMARY KEY or UNIQUE on the spot, "" when not.
func parseColumn(c *cursor, table charsets) (columnDef, indexKind, error) {
	name, err := c.name()
	if err != nil {
		return columnDef{}, "", err
	}
	p := &columnParser{cursor: c}
	p.col.Name = name
	p.col.Length, p.col.Decimals = -1, -1
	if err = p.dataType(); err == nil {
		err = p.attributes()
	}
	if err != nil {
		return columnDef{}, "", fault.Wrap(fmt.Sprintf("column `%s`", name), err)
	}
	p.settle(table)
	return p.col, p.own, nil
}

// columnParser collects one column.
type columnParser struct {
	*cursor
	col columnDef
	own indexKind
	cs  charsets
	// binary is the BINARY attribute: the _bin collation of the character set.
	binary   bool
	zerofill bool
}

// attributes reads everything behind the type, in any order.
func (p *columnParser) attributes() error {
	for !p.done() {
		start := p.pos
		key, err := p.attribute()
		if err != nil {
			return err
		}
		if key != "" {
			p.col.attrs = append(p.col.attrs, attr{key, p.tokens[start:p.pos]})
		}
	}
	return nil
}

// attribute passes one attribute. Its key is "" when it is not kept as text:
// types, character sets and keys are written from their own fields, CHECK and
// REFERENCES do not belong to the structure, and a row tells itself which of its
// values MariaDB has COMPRESSED.
func (p *columnParser) attribute() (string, error) {
	switch {
	case p.accept("UNSIGNED"):
		p.col.Unsigned = true
	case p.accept("SIGNED"):
	case p.accept("ZEROFILL"):
		p.col.Unsigned, p.zerofill = true, true
	case p.accept("BINARY"):
		p.binary = true
	case p.accept("ASCII"):
		p.cs.charset = "latin1"
	case p.accept("UNICODE"):
		p.cs.charset = "ucs2"
	case p.accept("CHARACTER", "SET"), p.accept("CHARSET"):
		p.cs.charset = strings.ToLower(p.next().text)
	case p.accept("COLLATE"):
		p.cs.collate = strings.ToLower(p.next().text)
	case p.accept("NOT", "NULL"):
		p.col.NotNull = true
		return "NULL", nil
	case p.accept("NULL"):
		return "NULL", nil
	case p.accept("PRIMARY", "KEY"), p.accept("KEY"):
		p.own = primaryIndex
	case p.accept("UNIQUE"):
		p.accept("KEY")
		p.unique()
	default:
		return p.longAttribute()
	}
	return "", nil
}

func (p *columnParser) unique() {
	if p.own == "" {
		p.own = uniqueIndex
	}
}

// longAttribute reads the attributes that carry a value.
func (p *columnParser) longAttribute() (string, error) {
	switch {
	case p.accept("DEFAULT"):
		return "DEFAULT", p.expression()
	case p.accept("ON", "UPDATE"):
		return "ON UPDATE", p.expression()
	case p.accept("AUTO_INCREMENT"):
		return "AUTO_INCREMENT", nil
	case p.accept("SERIAL", "DEFAULT", "VALUE"):
		p.serial()
		return "", nil
	case p.accept("COMMENT"):
		return "COMMENT", p.value(str)
	case p.accept("GENERATED", "ALWAYS", "AS"), p.accept("AS"):
		return "GENERATED", p.generated()
	case p.accept("INVISIBLE"):
		p.col.Invisible = true
		return "INVISIBLE", nil
	case p.accept("VISIBLE"), p.accept("ENFORCED"), p.accept("NOT", "ENFORCED"):
		return "", nil
	case p.accept("COLUMN_FORMAT"), p.accept("STORAGE"), p.accept("SRID"):
		return strings.ToUpper(p.peek(-1).text), p.value(word)
	case p.accept("REF_SYSTEM_ID"):
		p.accept("=")
		return "REF_SYSTEM_ID", p.value(word)
	case p.accept("ENGINE_ATTRIBUTE"), p.accept("SECONDARY_ENGINE_ATTRIBUTE"):
		key := strings.ToUpper(p.peek(-1).text)
		p.accept("=")
		return key, p.value(str)
	case p.accept("COMPRESSED"):
		if p.accept("=") {
			p.next()
		}
		return "", nil
	case p.accept("AUTO_RANDOM"):
		if p.peek(0).is("(") {
			_, err := p.group()
			return "AUTO_RANDOM", err
		}
		return "AUTO_RANDOM", nil
	}
	return p.dropped()
}

// dropped reads attributes that are not part of the structure.
func (p *columnParser) dropped() (string, error) {
	switch {
	case p.accept("CONSTRAINT"):
		if !p.peek(0).is("CHECK") && !p.peek(0).is("REFERENCES") {
			p.next()
		}
		return "", nil
	case p.accept("CHECK"):
		_, err := p.group()
		return "", err
	case p.accept("REFERENCES"):
		// Nothing but the reference's own words follows in a column definition.
		p.pos = len(p.tokens)
		return "", nil
	case p.accept("CLUSTERED"), p.accept("NONCLUSTERED"):
		return "", nil
	case p.peek(0).is("WITHOUT"), p.peek(0).is("WITH"):
		return "", fault.New(fault.Unsupported, fmt.Sprintf("%q is not supported yet", sqlText(p.tokens[p.pos:])))
	}
	return "", p.unexpected("a column attribute")
}

func (p *columnParser) value(k tokenKind) error {
	if p.done() || p.peek(0).kind != k {
		return p.unexpected("a value")
	}
	p.next()
	return nil
}

// serial is what the SERIAL words stand for.
func (p *columnParser) serial() {
	p.col.NotNull = true
	p.unique()
	p.col.attrs = append(p.col.attrs, keyword("NULL", "NOT", "NULL"), keyword("AUTO_INCREMENT", "AUTO_INCREMENT"))
}

// keyword makes an attribute of bare words.
func keyword(key string, words ...string) attr {
	a := attr{key: key}
	for _, w := range words {
		a.tokens = append(a.tokens, token{kind: word, text: w, spaced: true})
	}
	return a
}

// generated reads "(expr) [VIRTUAL|STORED|PERSISTENT]".
func (p *columnParser) generated() error {
	if p.peek(0).is("ROW") {
		return fault.New(fault.Unsupported, "system versioning is not supported yet")
	}
	p.col.Generated = true
	if _, err := p.group(); err != nil {
		return err
	}
	p.acceptAny("VIRTUAL", "STORED", "PERSISTENT")
	return nil
}

// expression passes a default value: a bracketed expression, a signed literal,
// or a name with or without arguments. What may follow in a column definition
// are keywords, so an unbracketed expression ends by itself.
func (p *columnParser) expression() error {
	if p.peek(0).is("(") {
		_, err := p.group()
		return err
	}
	p.acceptAny("-", "+")
	if p.done() || p.peek(0).kind == punct {
		return p.unexpected("a value")
	}
	first := p.next()
	for p.accept(".") { // 1.5, or schema.function
		p.next()
	}
	switch {
	case p.peek(0).is("("):
		_, err := p.group()
		return err
	case first.is("NEXT") && p.accept("VALUE", "FOR"):
		_, err := p.name()
		if p.accept(".") {
			_, err = p.name()
		}
		return err
	case first.kind == word && p.peek(0).kind == str && introducesString(first.text):
		p.next()
	}
	return nil
}

// introducesString tells whether a word before a string belongs to it: x'00',
// b'1', n'text', _latin1'text', DATE'2020-01-01'.
func introducesString(w string) bool {
	switch strings.ToLower(w) {
	case "x", "b", "n", "date", "time", "timestamp":
		return true
	}
	return strings.HasPrefix(w, "_")
}

// settle fills what depends on all words of the definition.
func (p *columnParser) settle(table charsets) {
	c := &p.col
	if c.hasCharset() {
		own := p.cs
		if p.binary && own.collate == "" {
			cs := own.orElse(table)
			own = charsets{cs.charset, binaryCollation(cs.charset)}
		}
		c.Charset, c.Collate = own.orElse(table).resolve()
		if c.Charset == "binary" {
			c.toBinary()
		}
	}
	c.sizeText()
	c.typeText = c.renderType(p.zerofill)
}
