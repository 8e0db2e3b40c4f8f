package config

import (
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// The functions of this file make readers for the keys of a map.

// text reads any scalar as it is written, so that an unquoted number is a
// valid password; nothing is the empty text.
func text(dst *string) func(value) error {
	return func(v value) error {
		if v.node.Kind != yaml.ScalarNode {
			return v.expected("text")
		}
		*dst = ""
		if !v.isNull() {
			*dst = v.node.Value
		}
		return nil
	}
}

// password reads plain text or a ciphertext of dmctl encrypt.
func password(dst *Secret) func(value) error {
	return func(v value) error {
		var s string
		if err := text(&s)(v); err != nil {
			return err
		}
		secret, err := v.doc.key.reveal(s)
		if err != nil {
			return v.unopened(err)
		}
		*dst = secret
		return nil
	}
}

// boolean reads true and false in the spellings that YAML 1.1 knows.
func boolean(dst *bool) func(value) error {
	return func(v value) error {
		const want = "true or false"
		quoted := v.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0
		if v.node.Kind != yaml.ScalarNode || quoted {
			return v.expected(want)
		}
		switch strings.ToLower(v.node.Value) {
		case "true", "yes", "on", "y":
			*dst = true
		case "false", "no", "off", "n":
			*dst = false
		default:
			return v.expected(want)
		}
		return nil
	}
}

// number reads a whole number between min and max.
func number[T int | int64 | uint32](dst *T, min, max int64) func(value) error {
	return func(v value) error {
		if v.node.Kind != yaml.ScalarNode || v.node.Tag != "!!int" {
			return v.expected("a whole number")
		}
		n, err := strconv.ParseInt(strings.ReplaceAll(v.node.Value, "_", ""), 0, 64)
		if err != nil || n < min || n > max {
			return v.errorf(codeYAML, "expected a whole number from %d to %d, got %s", min, max, v.node.Value)
		}
		*dst = T(n)
		return nil
	}
}

// duration reads Go's notation, "5m30s".
func duration(dst *time.Duration) func(value) error {
	return func(v value) error {
		d, err := time.ParseDuration(v.node.Value)
		if v.node.Kind != yaml.ScalarNode || err != nil {
			return v.expected(`a duration such as "30s" or "5m"`)
		}
		*dst = d
		return nil
	}
}

// texts reads a list of texts.
func texts(dst *[]string) func(value) error {
	return func(v value) error {
		*dst = nil
		return v.list(func(_ int, v value) error {
			var s string
			if err := text(&s)(v); err != nil {
				return err
			}
			*dst = append(*dst, s)
			return nil
		})
	}
}

// variables reads a map from names to scalars.
func variables(dst *map[string]string) func(value) error {
	return func(v value) error {
		out := map[string]string{}
		err := v.each(func(name string, v value) error {
			var s string
			if err := text(&s)(v); err != nil {
				return err
			}
			out[name] = s
			return nil
		})
		if err == nil && len(out) > 0 {
			*dst = out
		}
		return err
	}
}

// typed is what inert and refused keys are checked against.
type typed func(v value) (set bool, err error)

// The types of keys whose value is not kept; set means "not the zero value".
func aText(v value) (bool, error) {
	var s string
	err := text(&s)(v)
	return s != "", err
}

func aBool(v value) (bool, error) {
	if v.isNull() {
		return false, nil
	}
	var b bool
	err := boolean(&b)(v)
	return b, err
}

func aNumber(v value) (bool, error) {
	if v.isNull() {
		return false, nil
	}
	var n int64
	err := number(&n, -1<<62, 1<<62)(v)
	return n != 0, err
}

func aDuration(v value) (bool, error) {
	if v.isNull() {
		return false, nil
	}
	var d time.Duration
	err := duration(&d)(v)
	return d != 0, err
}

func someTexts(v value) (bool, error) {
	var s []string
	err := texts(&s)(v)
	return len(s) > 0, err
}

// anything is for legacy maps that DM itself does not look into; one that says no
// more than enable: false asks for nothing.
func anything(v value) (bool, error) {
	c := v.node.Content
	off := len(c) == 2 && c[0].Value == "enable" && c[1].Value == "false"
	return len(c) > 0 && !off, nil
}

// given is t for a key whose zero value is not its default.
func given(t typed) typed {
	return func(v value) (bool, error) {
		_, err := t(v)
		return !v.isNull(), err
	}
}

func aFloat(v value) (bool, error) {
	if v.isNull() {
		return false, nil
	}
	f, err := strconv.ParseFloat(v.node.Value, 64)
	if err != nil {
		return false, v.expected("a number")
	}
	return f != 0, nil
}

// inert accepts a key that has no effect here. note is the warning when it is set.
func inert(t typed, note string) func(value) error {
	return func(v value) error {
		set, err := t(v)
		if err == nil && set {
			v.warn("%s", note)
		}
		return err
	}
}

// inertBut is inert without the warning for the value that DM's own exports
// always have.
func inertBut(standard string, t typed, note string) func(value) error {
	return func(v value) error {
		if v.node.Kind == yaml.ScalarNode && v.node.Value == standard {
			return nil
		}
		return inert(t, note)(v)
	}
}

// refused accepts a key only while it is not set.
func refused(t typed) func(value) error {
	return func(v value) error {
		set, err := t(v)
		if err == nil && set {
			return v.unsupported()
		}
		return err
	}
}
