package binjson

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// bareName is a subset of the names that the server writes without quotes.
var bareName = regexp.MustCompile(`^[A-Za-z_$][A-Za-z_$0-9]*$`)

// drawChange draws a change that fits a document, and what it makes of it; ok
// tells that there is one.
func drawChange(t *rapid.T, v any) (c change, after any, ok bool) {
	var path strings.Builder
	path.WriteByte('$')
	after, ok = drawInside(t, v, &path, &c)
	c.path = path.String()
	return c, after, ok
}

// drawInside changes a value somewhere in v, and writes the way to it.
func drawInside(t *rapid.T, v any, path *strings.Builder, c *change) (after any, ok bool) {
	n, at, isObject := 0, 0, false
	switch v := v.(type) {
	case array:
		n = len(v)
	case object:
		n, isObject = len(v), true
	default:
		return nil, false
	}
	c.op = rapid.SampledFrom([]operation{opReplace, opInsert, opRemove}).Draw(t, "op")
	if n == 0 {
		c.op = opInsert
	} else {
		at = rapid.IntRange(0, n-1).Draw(t, "at")
		if rapid.Bool().Draw(t, "deeper") {
			length := path.Len()
			writeLeg(t, v, at, path)
			if inner, ok := drawInside(t, child(v, at), path, c); ok {
				return with(v, at, inner), true
			}
			whole := path.String()[:length] // a scalar has no inside: change it
			path.Reset()
			path.WriteString(whole)
		}
	}
	var value any
	if c.op != opRemove {
		value = drawModel(t, 2, anyScalar())
		if c.op == opReplace && modelText(value) == modelText(child(v, at)) {
			value = array{value} // a server neither writes nor takes a change that changes nothing
		}
		c.value = drawEncoder(t).document(value)
	}
	switch {
	case c.op == opInsert && isObject:
		fresh := anyKey().Filter(func(k string) bool { _, found := v.(object).place(k); return !found }).Draw(t, "fresh")
		writeMember(t, fresh, path)
		return v.(object).with(fresh, value), true
	case c.op == opInsert:
		a := v.(array)
		to := rapid.IntRange(0, n+2).Draw(t, "to")
		fmt.Fprintf(path, "[%d]", to)
		return slices.Insert(slices.Clone(a), min(to, n), value), true
	}
	writeLeg(t, v, at, path)
	if c.op == opReplace {
		return with(v, at, value), true
	}
	if isObject {
		return slices.Delete(slices.Clone(v.(object)), at, at+1), true
	}
	return slices.Delete(slices.Clone(v.(array)), at, at+1), true
}

func child(v any, at int) any {
	if o, ok := v.(object); ok {
		return o[at].value
	}
	return v.(array)[at]
}

func with(v any, at int, value any) any {
	if o, ok := v.(object); ok {
		return o.with(o[at].key, value)
	}
	out := slices.Clone(v.(array))
	out[at] = value
	return out
}

func writeLeg(t *rapid.T, v any, at int, path *strings.Builder) {
	switch v := v.(type) {
	case object:
		writeMember(t, v[at].key, path)
	case array:
		if rapid.Bool().Draw(t, "last") {
			path.WriteString(strings.Replace(fmt.Sprintf("[last-%d]", len(v)-1-at), "-0]", "]", 1))
		} else {
			fmt.Fprintf(path, "[%d]", at)
		}
	}
}

func writeMember(t *rapid.T, key string, path *strings.Builder) {
	if bareName.MatchString(key) && rapid.Bool().Draw(t, "bare") {
		path.WriteString("." + key)
	} else {
		path.WriteString("." + modelQuote(key))
	}
}

// TestPatchesOfModels: a patched document is the patched model.
func TestPatchesOfModels(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := drawModel(t, 4, anyScalar())
		before := drawEncoder(t).document(model)
		var changes []change
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			if c, after, ok := drawChange(t, model); ok {
				changes, model = append(changes, c), after
			}
		}
		got, err := AppendPatched(nil, before, encodeDiffs(changes...))
		if err != nil || string(got) != modelText(model) {
			t.Fatalf("% x with %v:\n got %s (%v)\nwant %s", before, changes, got, err, modelText(model))
		}
	})
}
