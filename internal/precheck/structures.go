package precheck

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/create"
	"github.com/raftdm/raftdm/internal/dbconn"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/internal/schema"
)

// askers is how many connections ask for structures at the same time.
const askers = 8

// structure is one of the selected tables.
type structure struct {
	schema.Name
	text   string        // of SHOW CREATE TABLE
	table  *schema.Table // nil when broken says why it cannot be read
	broken error
}

func (s *structure) ident() string { return dbconn.Ident(s.Schema, s.Table) }

// structures reads the selected tables, once for all checks of the source. One
// that was dropped meanwhile is left out.
func (c *checker) structures(ctx context.Context) ([]structure, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read || len(c.selected) == 0 {
		return c.found, nil
	}
	all := make([]structure, len(c.selected))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(askers)
	for i, n := range c.selected {
		g.Go(func() error {
			text, err := c.db.CreateTable(gctx, n)
			if fault.Is(err, fault.NotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			all[i] = structure{Name: n, text: text}
			all[i].table, all[i].broken = schema.Parse(text, "", n.Schema)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	c.at = make(map[schema.Name]int, len(all))
	for i := range all {
		if all[i].text != "" {
			c.at[all[i].Name] = len(c.found)
			c.found = append(c.found, all[i])
		}
	}
	c.read = true
	return c.found, nil
}

// structure gives one of structures, nil when it was dropped meanwhile.
func (c *checker) structure(ctx context.Context, n schema.Name) (*structure, error) {
	list, err := c.structures(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if i, ok := c.at[n]; ok {
		return &list[i], nil
	}
	return nil, nil //nolint:nilnil // the documented answer
}

// charsets lists the tables that the load would create with a character set or
// collation that the target does not know.
func (c *checker) charsets(ctx context.Context) ([]Detail, error) {
	if c.target == nil || c.sub.Mode != config.ModeFull && c.sub.Mode != config.ModeAll {
		return nil, nil
	}
	list, err := c.structures(ctx)
	if err != nil {
		return nil, err
	}
	rules := create.Rules{Routes: c.sub.Routes, Target: c.target.db.Server, Strict: c.sub.StrictCollation}
	var out []Detail
	for i := range list {
		s := &list[i]
		to, err := c.sub.Routes.Table(s.Schema, s.Name.Table)
		if err != nil || s.table == nil || c.target.has(to.Schema, to.Table) {
			continue
		}
		st, err := rules.Table(s.Name, to, s.text)
		if err != nil {
			return nil, err
		}
		made, err := schema.Parse(st.SQL, "", s.Schema)
		if err != nil {
			return nil, err
		}
		if unknown := c.target.unknown(made); unknown != "" {
			out = append(out, Detail{Severity: Failed, ShortErr: fmt.Sprintf("table %s unsupport %s", s.ident(), unknown),
				Instruction: fmt.Sprintf("create %s on the target by hand, with the same columns in a character set and collation that it knows", dbconn.Ident(to.Schema, to.Table))})
		}
	}
	return out, nil
}

// unknown names the first character set or collation of a table that the target lacks.
func (d *target) unknown(t *schema.Table) string {
	look := func(charset, collate string) string {
		switch {
		case charset != "" && !d.charsets[plainUTF8(charset)]:
			return "charset " + charset
		case collate != "" && !d.collations[plainUTF8(collate)]:
			return "collation " + collate
		}
		return ""
	}
	if u := look(t.Charset, t.Collate); u != "" {
		return u
	}
	for i := range t.Columns {
		if u := look(t.Columns[i].Charset, t.Columns[i].Collate); u != "" {
			return u
		}
	}
	return ""
}

// plainUTF8 gives the two names of one character set as one.
func plainUTF8(name string) string {
	if rest, ok := strings.CutPrefix(strings.ToLower(name), "utf8mb3"); ok {
		return "utf8" + rest
	}
	return strings.ToLower(name)
}
