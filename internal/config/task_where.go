package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/raftdm/raftdm/internal/expr"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
)

// rules reads a section of named rules, each by read, which also gets its name.
func rules[T any](s *set[T], read func(*T) func(value) error) func(value) error {
	return func(v value) error {
		s.items = map[string]entry[T]{}
		return v.each(func(name string, v value) error {
			var item T
			if err := read(&item)(v); err != nil {
				return err
			}
			s.names = append(s.names, name)
			s.items[name] = entry[T]{item: item, at: v}
			return nil
		})
	}
}

// routeRule reads an entry of routes and refuses it when it makes no sense by itself.
func routeRule(r *route.Rule) func(value) error {
	return func(v value) error {
		err := v.object(keys{
			"schema-pattern": text(&r.Schema), "table-pattern": text(&r.Table),
			"target-schema": text(&r.TargetSchema), "target-table": text(&r.TargetTable),
			"extract-table":  extract(&r.ExtractTable, "table-regexp"),
			"extract-schema": extract(&r.ExtractSchema, "schema-regexp"),
			"extract-source": extract(&r.ExtractSource, "source-regexp"),
		})
		if err != nil {
			return err
		}
		_, err = route.New([]route.Rule{*r}, route.Options{})
		return v.refused(err)
	}
}

func extract(dst **route.Extract, regexpKey string) func(value) error {
	return func(v value) error {
		if v.isNull() {
			return nil
		}
		*dst = &route.Extract{}
		return v.object(keys{regexpKey: text(&(*dst).Regexp), "target-column": text(&(*dst).Column)})
	}
}

// filterRule reads a binlog event filter.
func filterRule(r *filter.EventRule) func(value) error {
	return func(v value) error {
		err := v.object(keys{
			"schema-pattern": text(&r.Schema), "table-pattern": text(&r.Table),
			"events": texts(&r.Events), "sql-pattern": texts(&r.SQL), "action": text(&r.Action),
		})
		if err != nil {
			return err
		}
		if _, err = filter.NewEvents([]filter.EventRule{*r}, false); err != nil {
			return v.refused(err)
		}
		switch {
		case r.Action == "Do" && len(r.Events) == 0:
			v.warn("it lists no events, so all changes of the rows of its tables are left out")
		case r.Action == "Ignore" && len(r.Events)+len(r.SQL) == 0:
			v.warn("no effect: it lists neither events nor sql-pattern")
		}
		return nil
	}
}

// expressionRule reads an entry of expression-filter.
func expressionRule(r *expr.Rule) func(value) error {
	return func(v value) error {
		err := v.object(keys{
			"schema": text(&r.Schema), "table": text(&r.Table),
			"insert-value-expr": text(&r.Insert), "delete-value-expr": text(&r.Delete),
			"update-old-value-expr": text(&r.UpdateOld), "update-new-value-expr": text(&r.UpdateNew),
		})
		if err != nil {
			return err
		}
		if _, err = expr.NewRules([]expr.Rule{*r}, true); err != nil {
			return v.refused(err)
		}
		if r.Insert+r.Delete+r.UpdateOld+r.UpdateNew == "" {
			v.warn("no effect: it has no expression")
		}
		return nil
	}
}

// refused puts the place in the file before an error of a rule.
func (v value) refused(err error) error {
	if err == nil {
		return nil
	}
	code := codeYAML
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		code = f.Code
	}
	return v.hinted(code, fault.HintOf(err), "%s", messageOf(err))
}

// sourceFilters reads the binlog event filters of a source, which have no names.
func sourceFilters(dst *[]filter.EventRule) func(value) error {
	return func(v value) error {
		*dst = nil
		err := v.list(func(_ int, v value) error {
			var r filter.EventRule
			if err := filterRule(&r)(v); err != nil {
				return err
			}
			*dst = append(*dst, r)
			return nil
		})
		if err != nil {
			return err
		}
		_, err = filter.NewEvents(sourceNames(*dst), true)
		return v.refused(err)
	}
}

// sourceNames gives the filters of a source names for messages.
func sourceNames(rules []filter.EventRule) []filter.EventRule {
	out := make([]filter.EventRule, len(rules))
	for i, r := range rules {
		r.Name = fmt.Sprintf("filters[%d] of the source", i)
		out[i] = r
	}
	return out
}

// encodeEvents writes the filters of a source as YAML.
func encodeEvents(b *strings.Builder, rules []filter.EventRule) {
	if len(rules) == 0 {
		return
	}
	b.WriteString("filters:\n")
	for _, r := range rules {
		fmt.Fprintf(b, "  - schema-pattern: %s\n    table-pattern: %s\n    action: %s\n", quoted(r.Schema), quoted(r.Table), quoted(r.Action))
		encodeList(b, "events", r.Events)
		encodeList(b, "sql-pattern", r.SQL)
	}
}

func encodeList(b *strings.Builder, key string, list []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "    %s:\n", key)
	for _, s := range list {
		fmt.Fprintf(b, "      - %s\n", quoted(s))
	}
}

// resolveWhere gives an instance the routes and filters that it names.
func (t *taskFile) resolveWhere(in *instanceFile) error {
	var err error
	if in.Routes, err = rulesOf(&t.routes, &in.routes, 20023); err != nil {
		return err
	}
	for i := range in.Routes {
		in.Routes[i].Name = in.routes.names[i]
	}
	if _, err := route.New(in.Routes, route.Options{CaseSensitive: t.CaseSensitive}); err != nil {
		return in.routes.at.refused(err)
	}
	if in.Events, err = rulesOf(&t.events, &in.events, 20024); err != nil {
		return err
	}
	for i := range in.Events {
		in.Events[i].Name = in.events.names[i]
	}
	if _, err = filter.NewEvents(in.Events, t.CaseSensitive); err != nil {
		return in.events.at.refused(err)
	}
	if in.Exprs, err = rulesOf(&t.exprs, &in.exprs, 20040); err != nil {
		return err
	}
	for i := range in.Exprs {
		in.Exprs[i].Name = in.exprs.names[i]
	}
	return nil
}

// where builds the router and the event filter of one instance. The filters of
// the source come first; each list follows its own file's case-sensitive.
func (t Task) where(src Source, in *Instance) (*route.Router, *filter.Events, error) {
	routes, err := route.New(in.Routes, route.Options{CaseSensitive: t.CaseSensitive, Source: src.SourceID})
	if err != nil {
		return nil, nil, err
	}
	general, err := filter.NewEvents(sourceNames(src.Events), src.CaseSensitive)
	if err != nil {
		return nil, nil, err
	}
	own, err := filter.NewEvents(in.Events, t.CaseSensitive)
	return routes, filter.Both(general, own), err
}
