package expr

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"vitess.io/vitess/go/sqltypes"
	"vitess.io/vitess/go/vt/vtenv"
	"vitess.io/vitess/go/vt/vtgate/evalengine"

	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/rowevent"
	"github.com/raftdm/raftdm/internal/schema"
)

// Bound is a condition on the rows of one structure of its table. It belongs to
// one goroutine.
type Bound struct {
	expr     *Expr
	table    *schema.Table
	columns  []int // of the table, in the order of the evaluator's row
	types    []columnType
	compiled evalengine.Expr
	env      *evalengine.ExpressionEnv
}

// cursor is the session in which conditions are evaluated.
type cursor struct{ env *vtenv.Environment }

func (c cursor) TimeZone() *time.Location        { return time.UTC }
func (c cursor) GetKeyspace() string             { return "" }
func (c cursor) SQLMode() string                 { return "" }
func (c cursor) Environment() *vtenv.Environment { return c.env }
func (c cursor) SetLastInsertID(uint64)          {}

// True tells whether the condition is TRUE for a row, with NOW() being now.
func (b *Bound) True(row rowevent.Image, now time.Time) (yes bool, err error) {
	for i, at := range b.columns {
		if b.env.Row[i], err = b.value(i, row.Value(at)); err != nil {
			return false, b.wrap(err)
		}
	}
	b.env.SetTime(now)
	return b.evaluate()
}

// evaluatorFailed is how an error begins that is a defect of the evaluator.
const evaluatorFailed = "the evaluator failed"

func (b *Bound) evaluate() (yes bool, err error) {
	defer func() {
		if p := recover(); p != nil { // which costs the task, not the worker
			yes, err = false, b.wrap(fmt.Errorf(evaluatorFailed+": %v", p))
		}
	}()
	result, err := b.env.EvaluateAST(b.compiled)
	if err != nil {
		return false, b.wrap(err)
	}
	return result.ToBoolean(), nil
}

func (b *Bound) wrap(err error) error {
	return &fault.Error{Kind: fault.Data, Side: fault.Upstream, Code: codeGrammar, Err: err,
		Msg:  fmt.Sprintf("the expression %q cannot be evaluated for a row", b.expr.text),
		Hint: "change the expression so that it has a value for each row: stop-task, change the task file, start-task"}
}

// value gives a value of the binlog as the evaluator has it: as text.
func (b *Bound) value(i int, v rowevent.Value) (sqltypes.Value, error) {
	if v.IsNull() {
		return sqltypes.NULL, nil
	}
	typ, c := &b.types[i], &b.table.Columns[b.columns[i]]
	var text []byte
	switch typ.sql {
	case sqltypes.Int64:
		text = strconv.AppendInt(nil, v.Int(), 10)
	case sqltypes.Uint64, sqltypes.Year:
		text = strconv.AppendUint(nil, v.Uint(), 10)
	case sqltypes.Float64:
		f, ok := v.Float()
		if !ok {
			return sqltypes.NULL, mismatch(c, v)
		}
		text = strconv.AppendFloat(nil, f, 'g', -1, 64)
	case sqltypes.Enum, sqltypes.Set:
		text = []byte(elements(c, v.Uint()))
	case sqltypes.VarChar, sqltypes.VarBinary:
		raw, ok, err := v.Bytes()
		if err != nil || !ok {
			return sqltypes.NULL, mismatch(c, v)
		}
		text = raw
		for len(text) < typ.size { // the binlog cuts zeros at the end
			text = append(text[:len(text):len(text)], make([]byte, typ.size-len(text))...)
		}
	default:
		var ok bool
		if text, ok = v.AppendText(nil); !ok {
			return sqltypes.NULL, mismatch(c, v)
		}
	}
	return sqltypes.MakeTrusted(typ.sql, text), nil
}

func mismatch(c *schema.Column, v rowevent.Value) error {
	return fault.New(fault.Schema, fmt.Sprintf("column `%s` of type %s holds %s: the known structure is not that of the row", c.Name, c.Type, v))
}

// elements gives the text of an ENUM or SET.
func elements(c *schema.Column, n uint64) string {
	if c.Type == "enum" {
		if n == 0 || n > uint64(len(c.Elems)) {
			return ""
		}
		return c.Elems[n-1]
	}
	var list []string
	for i, e := range c.Elems {
		if n&(1<<i) != 0 {
			list = append(list, e)
		}
	}
	return strings.Join(list, ",")
}
