package binjson

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/replication"
	"pgregory.net/rapid"
)

// goMySQL gives what go-mysql makes of a document in a rows event, with the
// option RenderJSONAsMySQLText.
func goMySQL(doc []byte) (string, error) {
	event := func(typ replication.EventType, body []byte) []byte {
		out := make([]byte, replication.EventHeaderSize)
		out[4] = byte(typ)
		binary.LittleEndian.PutUint32(out[9:], uint32(len(out)+len(body)))
		return append(out, body...)
	}
	format := slices.Concat([]byte{4, 0}, append([]byte("8.0.40"), make([]byte, 44)...), make([]byte, 4), []byte{replication.EventHeaderSize},
		bytes.Repeat([]byte{10}, 42), make([]byte, 5))
	tableMap := []byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 'd', 0, 1, 't', 0, 1, 245, 1, 4, 1}
	row := binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 1, 0}, uint32(len(doc)))

	p := replication.NewBinlogParser()
	p.SetRenderJSONAsMySQLText(true)
	if _, err := p.Parse(event(replication.FORMAT_DESCRIPTION_EVENT, format)); err != nil {
		return "", err
	}
	if _, err := p.Parse(event(replication.TABLE_MAP_EVENT, tableMap)); err != nil {
		return "", err
	}
	e, err := p.Parse(event(replication.WRITE_ROWS_EVENTv2, append(row, doc...)))
	if err != nil {
		return "", err
	}
	text, ok := e.Event.(*replication.RowsEvent).Rows[0][0].(string)
	if !ok {
		return "", errors.New("no text")
	}
	return text, nil
}

// TestSameAsGoMySQL: what go-mysql gets right is the same here, but for what
// it does everywhere: no blanks, and escapes for HTML.
func TestSameAsGoMySQL(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := drawEncoder(t).document(drawModel(t, 4, plainScalar()))
		want, err := goMySQL(doc)
		if err != nil {
			t.Fatal(err)
		}
		text, err := AppendText(nil, doc)
		if err != nil {
			t.Fatal(err)
		}
		var compact, got bytes.Buffer
		if err := json.Compact(&compact, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		json.HTMLEscape(&got, compact.Bytes())
		if got.String() != want {
			t.Fatalf("% x:\n   ours %s\ngo-mysql %s", doc, &got, want)
		}
	})
}

// TestUnlikeGoMySQL names what go-mysql v1.16 prints otherwise than a server;
// testReplay shows that the server is with us.
func TestUnlikeGoMySQL(t *testing.T) {
	for _, c := range unlikeGoMySQL() {
		t.Run(c.what, func(t *testing.T) {
			theirs, err := goMySQL(c.doc)
			if err != nil {
				theirs = err.Error()
			}
			if !strings.HasPrefix(theirs, c.theirs) {
				t.Errorf("go-mysql prints %s, no longer %s", theirs, c.theirs)
			}
			if got, err := AppendText(nil, c.doc); err != nil || string(got) != c.ours {
				t.Errorf("%s (%v), want %s", got, err, c.ours)
			}
		})
	}
}

type unlike struct {
	what         string
	doc          []byte
	theirs, ours string
}

func unlikeGoMySQL() []unlike {
	long := blob(bytes.Repeat([]byte{0}, base64Line+1))
	return []unlike{
		{"blanks", encode(array{int64(1), obj("a", nil)}), `[1,{"a":null}]`, `[1, {"a": null}]`},
		{"what HTML escapes", encode("<&>\u2028"), `"\u003c\u0026\u003e\u2028"`, "\"<&>\u2028\""},
		{"a zero TIME", encode(timeOf(false, 0, 0, 0, 0)), `"00:00:00"`, `"00:00:00.000000"`},
		{"a zero DATETIME", encode(datetimeOf(typeDatetime, 0, 0, 0, 0, 0, 0, 0)), `"0000-00-00 00:00:00"`, `"0000-00-00 00:00:00.000000"`},
		{"a small double", encode(0.00001), `1e-05`, `0.00001`},
		{"a smaller double", encode(-1.5e-15), `-1.5e-15`, `-0.0000000000000015`},
		{"a double that is no integer", encode(1048576.5), `1.0485765e+06`, `1048576.5`},
		{"a large double", encode(1e15), `1000000000000000.0`, `1e15`},
		{"a larger double", encode(1.5e100), `1499999`, `1.5e100`},
		{"long base64", encode(long), `"base64:type252:AAAA`, long.text},
		{"an empty document", nil, `no text`, `null`},
	}
}
