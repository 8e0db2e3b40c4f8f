package binjson

import (
	"math"
	"strconv"
)

// AppendText appends a binary document as the server prints it. On an error,
// which is a fault of kind Corrupt, it gives dst as it was.
func AppendText(dst, doc []byte) ([]byte, error) {
	p := printer{dst: dst, left: len(doc)}
	if err := p.value(document(doc), 0); err != nil {
		return dst, err
	}
	return p.dst, nil
}

// IsScalarText tells whether a text that AppendText or AppendPatched gave is
// neither an object nor an array.
func IsScalarText(text []byte) bool { return len(text) > 0 && text[0] != '{' && text[0] != '[' }

// maxDepth is how deep the server lets objects and arrays nest.
const maxDepth = 100

// printer appends values to a text.
type printer struct {
	dst []byte
	// left is how many bytes of the document no value has claimed: values do not
	// share bytes, so one that claims more is a loop or close to one.
	left int
}

// claim takes n bytes for one value.
func (p *printer) claim(n int) error {
	if p.left -= n; p.left < 0 {
		return corrupt("values that lie in each other")
	}
	return nil
}

// value appends a value that depth objects and arrays hold.
func (p *printer) value(v value, depth int) error {
	switch {
	case v.isContainer():
		return p.container(v, depth+1)
	case v.kind == kindString:
		b, err := counted(v.data)
		if err != nil {
			return err
		}
		p.quote(b)
		return p.claim(len(b))
	case v.kind == kindOpaque:
		return p.opaque(v)
	case v.kind == kindLiteral:
		return p.literal(v)
	default:
		return p.number(v)
	}
}

func (p *printer) container(v value, depth int) error {
	c, err := v.open()
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return errDepth()
	}
	if err := p.claim(c.entries()); err != nil {
		return err
	}
	p.begin(c.object)
	for i := range c.count {
		p.separate(i)
		if c.object {
			key, err := c.key(i)
			if err != nil {
				return err
			}
			if err := p.claim(len(key)); err != nil {
				return err
			}
			p.key(key)
		}
		e, err := c.element(i)
		if err != nil {
			return err
		}
		if err := p.value(e, depth); err != nil {
			return err
		}
	}
	p.end(c.object)
	return nil
}

func errDepth() error { return corrupt("more than %d objects and arrays in each other", maxDepth) }

func (p *printer) begin(object bool) {
	if object {
		p.dst = append(p.dst, '{')
	} else {
		p.dst = append(p.dst, '[')
	}
}

func (p *printer) end(object bool) {
	if object {
		p.dst = append(p.dst, '}')
	} else {
		p.dst = append(p.dst, ']')
	}
}

// separate comes before the i-th value of an object or array.
func (p *printer) separate(i int) {
	if i > 0 {
		p.dst = append(p.dst, ", "...)
	}
}

func (p *printer) key(name []byte) {
	p.quote(name)
	p.dst = append(p.dst, ": "...)
}

func (p *printer) literal(v value) error {
	n, err := v.number(1)
	if err != nil {
		return err
	}
	switch n {
	case literalNull:
		p.dst = append(p.dst, "null"...)
	case literalTrue:
		p.dst = append(p.dst, "true"...)
	case literalFalse:
		p.dst = append(p.dst, "false"...)
	default:
		return corrupt("the literal %d", n)
	}
	return nil
}

// widths are the bytes of the numbers, by kind.
var widths = [...]int{kindInt16: 2, kindUint16: 2, kindInt32: 4, kindUint32: 4, kindInt64: 8, kindUint64: 8, kindDouble: 8}

func (p *printer) number(v value) error {
	if int(v.kind) >= len(widths) {
		return corrupt("a value of the unknown kind %d", v.kind)
	}
	n, err := v.number(widths[v.kind])
	if err != nil {
		return err
	}
	switch v.kind {
	case kindInt16:
		p.dst = strconv.AppendInt(p.dst, int64(int16(n)), 10)
	case kindInt32:
		p.dst = strconv.AppendInt(p.dst, int64(int32(n)), 10)
	case kindInt64:
		p.dst = strconv.AppendInt(p.dst, int64(n), 10)
	case kindDouble:
		f := math.Float64frombits(n)
		if math.IsNaN(f) || math.IsInf(f, 0) { // JSON has none, and the server stores none
			return corrupt("the number %v", f)
		}
		p.dst = appendDouble(p.dst, f)
	default:
		p.dst = strconv.AppendUint(p.dst, n, 10)
	}
	return nil
}

// quote appends a string or key. Only what JSON demands is escaped.
func (p *printer) quote(s []byte) {
	dst := append(p.dst, '"')
	plain := 0 // where what needs no escape begins
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[plain:i]...)
		plain = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\r':
			dst = append(dst, `\r`...)
		default:
			const digits = "0123456789abcdef"
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&0xf])
		}
	}
	dst = append(dst, s[plain:]...)
	p.dst = append(dst, '"')
}
