package config

import (
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/filter"
)

// set is a section of named settings, such as mydumpers, in the order of the file.
type set[T any] struct {
	kind  string
	names []string
	items map[string]entry[T]
}

type entry[T any] struct {
	item T
	at   value
	used bool
}

// read makes the reader of the whole section.
func (s *set[T]) read(standard func() T, known func(*T) keys) func(value) error {
	return func(v value) error {
		s.items = map[string]entry[T]{}
		return v.each(func(name string, v value) error {
			item := standard()
			if err := v.object(known(&item)); err != nil {
				return err
			}
			s.names = append(s.names, name)
			s.items[name] = entry[T]{item: item, at: v}
			return nil
		})
	}
}

// use gives a setting by name and notes that it was referred to.
func (s *set[T]) use(name string) (T, bool) {
	e, ok := s.items[name]
	if ok {
		e.used = true
		s.items[name] = e
	}
	return e.item, ok
}

// unused is an error when a setting was never referred to.
func (s *set[T]) unused() error {
	for _, n := range s.names {
		if e := s.items[n]; !e.used {
			return e.at.hinted(20038, "refer to it in mysql-instances, or remove it", "no source of the task uses this entry of %s", s.kind)
		}
	}
	return nil
}

// lists is the section block-allow-list.
type lists struct {
	rules map[string]filter.Rules
}

func (l *lists) read(v value) error {
	l.rules = map[string]filter.Rules{}
	return v.each(func(name string, v value) error {
		var r filter.Rules
		err := v.object(keys{
			"do-dbs":        texts(&r.DoDBs),
			"ignore-dbs":    texts(&r.IgnoreDBs),
			"do-tables":     tables(&r.DoTables),
			"ignore-tables": tables(&r.IgnoreTables),
		})
		if err != nil {
			return err
		}
		if _, err := filter.New(r, filter.Options{}); err != nil {
			return v.hinted(20044, fault.HintOf(err), "%s", messageOf(err))
		}
		l.rules[name] = r
		return nil
	})
}

func tables(dst *[]filter.TablePattern) func(value) error {
	return func(v value) error {
		return v.list(func(_ int, v value) error {
			var p filter.TablePattern
			if err := v.object(keys{"db-name": text(&p.Schema), "tbl-name": text(&p.Table)}); err != nil {
				return err
			}
			if p.Schema == "" || p.Table == "" {
				return v.hinted(20044, "write both, a * stands for any name", "db-name and tbl-name must both be set")
			}
			*dst = append(*dst, p)
			return nil
		})
	}
}

// refusedRules reads a section of rules that may only be empty. Their keys are
// checked first: a misspelt key is the more helpful message.
func refusedRules(rule func(value) error) func(value) error {
	return func(v value) error {
		n := 0
		err := v.each(func(_ string, v value) error {
			n++
			if rule == nil {
				return nil
			}
			return rule(v)
		})
		if err == nil && n > 0 {
			return v.unsupported()
		}
		return err
	}
}
