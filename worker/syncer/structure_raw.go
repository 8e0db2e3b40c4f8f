package syncer

import (
	"context"
	"fmt"
	"slices"

	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// afterText works out the state behind a statement that has no AST: a piece of
// an ALTER TABLE whose last piece carries the whole, or one in the source's words.
func (s *structures) afterText(ctx context.Context, b *behind, one *ddl) error {
	if !one.raw {
		// The whole statement will be applied to what the table is now, also by a
		// worker that knows only the meta tables.
		b.record(slices.DeleteFunc(slices.Clone(one.tables), func(n schema.Name) bool {
			_, err := b.tracker.Table(n)
			return err != nil
		}))
		return nil
	}
	if one.idle {
		b.record(s.unknownFrom(b, one))
		return nil
	}
	n := one.watch
	_, unknown := b.tracker.Table(n)
	if one.creates && (unknown != nil || one.replaces) {
		if _, err := b.tracker.Put(n.Schema, one.plain); err == nil {
			b.record(one.tables)
			return nil
		}
	}
	s.log.Info("the structure behind a DDL is read from the target", "statement", one.text)
	changed, err := s.reread(ctx, b, one)
	b.record(changed)
	return err
}

// comparable tells whether the target has the table of one as the source has it.
// Then the same words make the same of both, and what they made on the target can be
// read there.
func (s *structures) comparable(ctx context.Context, one *ddl) error {
	tracked, err := s.tracker.Table(one.watch)
	if err != nil || one.creates || one.idle {
		return nil //nolint:nilerr // what is not known, or not there, is read from the target anyhow
	}
	text, err := s.target.CreateTable(ctx, one.watch)
	if err != nil {
		return err
	}
	target, err := schema.Parse(text, "", one.watch.Schema)
	if err != nil {
		return nil //nolint:nilerr // a kind of table whose rows stop the task anyhow
	}
	if tracked.Charset == target.Charset && tracked.Collate == target.Collate && slices.EqualFunc(tracked.Columns, target.Columns, sameColumn) {
		return nil
	}
	return &fault.Error{Kind: fault.Unsupported, Code: codeParseDDL,
		Msg: fmt.Sprintf("the statement %q cannot be read, and table %s has another structure on the target than on the source, so that one cannot tell what the statement makes of it",
			excerpt(one.text), dbconn.Ident(one.watch.Schema, one.watch.Table))}
}

// sameColumn tells whether two columns hold the same values.
func sameColumn(a, b schema.Column) bool {
	return a.Name == b.Name && a.Type == b.Type && a.Unsigned == b.Unsigned && a.Charset == b.Charset && a.Collate == b.Collate &&
		a.Decimals == b.Decimals && a.Generated == b.Generated && slices.Equal(a.Elems, b.Elems)
}
