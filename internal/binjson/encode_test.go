package binjson

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// A model is a document as Go values: nil, bool, int64, uint64, float64,
// string, array, object and other.
type (
	array  []any
	object []member
	member struct {
		key   string
		value any
	}
	// other is a value that JSON has no type for, with the server's text of it.
	other struct {
		typ  byte
		data []byte
		text string
	}
)

// obj makes an object with its keys in the server's order.
func obj(pairs ...any) object {
	o := object{}
	for i := 0; i < len(pairs); i += 2 {
		o = o.with(pairs[i].(string), pairs[i+1])
	}
	return o
}

// place gives where a key is in an object, or would be.
func (o object) place(key string) (int, bool) {
	i := sort.Search(len(o), func(i int) bool {
		return len(o[i].key) > len(key) || len(o[i].key) == len(key) && o[i].key >= key
	})
	return i, i < len(o) && o[i].key == key
}

// with gives a copy in which a key has a value.
func (o object) with(key string, v any) object {
	i, found := o.place(key)
	out := slices.Clone(o)
	if found {
		out[i].value = v
		return out
	}
	return slices.Insert(out, i, member{key, v})
}

// modelText is the text of a model, written as plainly as can be.
func modelText(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case uint64:
		return strconv.FormatUint(v, 10)
	case float64:
		return string(appendDouble(nil, v)) // TestDoubles and the server tests judge it
	case string:
		return modelQuote(v)
	case other:
		return v.text
	case array:
		parts := []string{}
		for _, e := range v {
			parts = append(parts, modelText(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case object:
		parts := []string{}
		for _, m := range v {
			parts = append(parts, modelQuote(m.key)+": "+modelText(m.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	panic(v)
}

func modelQuote(s string) string {
	out := strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\b", `\b`, "\t", `\t`, "\n", `\n`, "\f", `\f`, "\r", `\r`).Replace(s)
	for c := range ' ' {
		out = strings.ReplaceAll(out, string(c), fmt.Sprintf(`\u%04x`, c))
	}
	return `"` + out + `"`
}

// encoder makes binary documents as the server does, or less tidy ones.
type encoder struct {
	large bool       // objects and arrays are large that need not be
	hole  func() int // bytes to leave free before the next value
}

// encode gives a document.
func encode(v any) []byte { return encoder{}.document(v) }

func (e encoder) document(v any) []byte {
	kind, data := e.value(v)
	return append([]byte{kind}, data...)
}

func (e encoder) value(v any) (kind byte, data []byte) {
	le := binary.LittleEndian
	switch v := v.(type) {
	case nil:
		return kindLiteral, []byte{literalNull}
	case bool:
		if v {
			return kindLiteral, []byte{literalTrue}
		}
		return kindLiteral, []byte{literalFalse}
	case int64:
		switch {
		case v == int64(int16(v)):
			return kindInt16, le.AppendUint16(nil, uint16(v))
		case v == int64(int32(v)):
			return kindInt32, le.AppendUint32(nil, uint32(v))
		}
		return kindInt64, le.AppendUint64(nil, uint64(v))
	case uint64:
		switch {
		case v <= math.MaxUint16:
			return kindUint16, le.AppendUint16(nil, uint16(v))
		case v <= math.MaxUint32:
			return kindUint32, le.AppendUint32(nil, uint32(v))
		}
		return kindUint64, le.AppendUint64(nil, v)
	case float64:
		return kindDouble, le.AppendUint64(nil, math.Float64bits(v))
	case string:
		return kindString, append(varLength(len(v)), v...)
	case other:
		return kindOpaque, slices.Concat([]byte{v.typ}, varLength(len(v.data)), v.data)
	case array:
		return e.container(kindSmallArray, nil, v)
	case object:
		var keys []string
		var values []any
		for _, m := range v {
			keys, values = append(keys, m.key), append(values, m.value)
		}
		return e.container(kindSmallObject, keys, values)
	}
	panic(v)
}

// varLength is a length with 7 bits per byte.
func varLength(n int) (out []byte) {
	for ; n >= 0x80; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func (e encoder) container(kind byte, keys []string, values []any) (byte, []byte) {
	if !e.large {
		if data, ok := e.layout(kind, 2, keys, values); ok {
			return kind, data
		}
	}
	data, _ := e.layout(kind+1, 4, keys, values)
	return kind + 1, data
}

// layout writes an object or array with words of so many bytes; it tells
// whether they are enough.
func (e encoder) layout(kind byte, word int, keys []string, values []any) ([]byte, bool) {
	put := func(b []byte, n int) {
		if word == 4 {
			binary.LittleEndian.PutUint32(b, uint32(n))
		} else {
			binary.LittleEndian.PutUint16(b, uint16(n))
		}
	}
	slots := 2*word + len(keys)*(word+2)
	data := make([]byte, slots+len(values)*(1+word))
	put(data, len(values))
	for i, k := range keys {
		data = e.leave(data)
		at := 2*word + i*(word+2)
		put(data[at:], len(data))
		binary.LittleEndian.PutUint16(data[at+word:], uint16(len(k)))
		data = append(data, k...)
	}
	for i, v := range values {
		kind, bytes := e.value(v)
		at := slots + i*(1+word)
		data[at] = kind
		if (container{word: word}).inlined(kind) {
			copy(data[at+1:at+1+word], bytes)
			continue
		}
		data = e.leave(data)
		put(data[at+1:], len(data))
		data = append(data, bytes...)
	}
	data = e.leave(data)
	put(data[word:], len(data))
	return data, word == 4 || len(data) <= math.MaxUint16
}

func (e encoder) leave(data []byte) []byte {
	if e.hole == nil {
		return data
	}
	return append(data, make([]byte, e.hole())...)
}
