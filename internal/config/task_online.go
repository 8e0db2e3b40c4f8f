package config

import (
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/onlineddl"
)

// onlineKeys are the keys about online DDL tools while a task is being read.
type onlineKeys struct {
	on            bool
	byScheme      bool
	shadow, trash []string
	rulesAt       []value
}

// scheme reads the key that chose one of the tools in old versions: both are
// followed, whichever it names.
func (o *onlineKeys) scheme(v value) error {
	var s string
	if err := text(&s)(v); err != nil {
		return err
	}
	switch s {
	case "":
		return nil
	case "gh-ost", "pt":
		o.byScheme = true
		v.warn("deprecated: it stands for `online-ddl: true`, which follows gh-ost and pt-online-schema-change alike")
		return nil
	}
	return v.hinted(20007, "remove the key, or write gh-ost or pt", "%q is not an online DDL scheme", s)
}

// rules reads patterns of names. An empty list stands for the defaults.
func (o *onlineKeys) rules(dst *[]string) func(value) error {
	return func(v value) error {
		*dst = nil
		at := v
		return v.list(func(_ int, v value) error {
			var s string
			if err := text(&s)(v); err != nil {
				return err
			}
			if _, err := onlineddl.Compile(s); err != nil {
				return v.hinted(20048, fault.HintOf(err), "%s", messageOf(err))
			}
			*dst = append(*dst, s)
			if len(*dst) == 1 {
				o.rulesAt = append(o.rulesAt, at)
			}
			return nil
		})
	}
}

// resolve gives the task its rules, none while nothing asks for online DDL.
func (o *onlineKeys) resolve() (*onlineddl.Rules, error) {
	if o.on || o.byScheme {
		return onlineddl.New(o.shadow, o.trash)
	}
	for _, v := range o.rulesAt {
		v.warn("no effect without online-ddl")
	}
	return nil, nil
}
