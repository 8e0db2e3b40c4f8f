package syncer

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/expr"
	filters "github.com/raftdm/raftdm/internal/filter"
	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/testbed"
)

const (
	ruledTables = 10_000
	ruledRows   = 30 // changed in each table
)

// BenchmarkRules measures what rules cost in a whole replication of 10,000 tables:
// 50 of each kind of which none is about any table, and 50 of each kind of which
// each table has one, in relation to none at all. The variants take turns, once
// each in a round; the ratios are those of the least CPU time and of the least time
// of each. On a machine that others use, the share of internal/route,
// internal/filter and internal/expr in a -cpuprofile says more.
//
//	go test ./worker/syncer -run '^$' -bench BenchmarkRules -benchtime 3x
func BenchmarkRules(b *testing.B) {
	up, down := servers.MariaDB(b), secondMariaDB(b)
	be := newBench(b, up, down, false)
	be.sub.Sync.SafeMode = true // the rows are there already from the second run on
	schema := be.schema()
	name := func(i int) string { return fmt.Sprintf("%s.t_%02d_%d", schema, i%50, i) }
	be.exec("CREATE DATABASE " + schema)
	be.must(down.Exec(b.Context(), "CREATE DATABASE "+schema))
	began := time.Now()
	var g errgroup.Group
	for k := range 4 {
		for _, server := range []*testbed.Server{up, down} {
			g.Go(func() error {
				for i := k; i < ruledTables; i += 4 { // MyISAM tables are made fast, and the worker is what is measured
					if err := server.Exec(b.Context(), "CREATE TABLE "+name(i)+" (id INT PRIMARY KEY, v INT, w VARCHAR(20)) ENGINE=MyISAM"); err != nil {
						return err
					}
				}
				return nil
			})
		}
	}
	be.must(g.Wait())
	at := be.master()
	be.sub.Start = &config.StartPoint{BinlogName: at.Position.Name, BinlogPos: at.Position.Pos}
	for i := range ruledTables {
		be.exec(fmt.Sprintf("INSERT INTO %s SELECT seq, 0, 'some text' FROM %s.seq_1_to_%d", name(i), schema, ruledRows))
	}
	fmt.Printf("%d tables with %d rows each are there after %s\n", ruledTables, ruledRows, time.Since(began).Round(time.Second))

	variants := []string{"none", "idle", "busy"}
	cpu, took := map[string][]time.Duration{}, map[string][]time.Duration{}
	for round := 0; b.Loop(); round++ {
		order := slices.Clone(variants)
		if round%2 == 1 { // what comes later finds a larger heap, and more on the servers
			slices.Reverse(order)
		}
		for _, v := range order {
			one := *be
			one.sub.Task = fmt.Sprintf("%s_%s_%d", be.sub.Task, v, round)
			one.ruled(schema, v)
			began, before := time.Now(), cpuTime(b)
			r := one.start()
			end := one.master()
			r.until("the target is at "+end.String(), 5*time.Minute, func() bool { return r.at().Compare(end.Position) >= 0 })
			cpu[v], took[v] = append(cpu[v], cpuTime(b)-before), append(took[v], time.Since(began))
			r.end()
			fmt.Printf("%s: CPU %s, %s\n", v, cpu[v][round].Round(time.Millisecond), took[v][round].Round(time.Millisecond))
		}
	}
	for _, v := range variants[1:] {
		b.ReportMetric(float64(slices.Min(cpu[v]))/float64(slices.Min(cpu["none"])), v+"/none(CPU)")
		b.ReportMetric(float64(slices.Min(took[v]))/float64(slices.Min(took["none"])), v+"/none(time)")
	}
}

// ruled gives the task the rules of a variant.
func (b *bench) ruled(schema, variant string) {
	b.t.Helper()
	if variant == "none" {
		return
	}
	var routes []route.Rule
	var events []filters.EventRule
	var exprs []expr.Rule
	list := filters.Rules{}
	for i := range 50 {
		s, t := fmt.Sprintf("%s_%02d*", strings.Repeat("other", 2), i), fmt.Sprintf("u_%02d_*", i)
		if variant == "busy" {
			s, t = schema[:len(schema)-1]+"*", fmt.Sprintf("t_%02d_*", i)
		}
		name := fmt.Sprint("r", i)
		routes = append(routes, route.Rule{Name: name, Schema: s, Table: t, TargetSchema: schema})
		events = append(events, filters.EventRule{Name: name, Schema: s, Table: t, Events: []string{"delete", "truncate table"}, Action: "Ignore"})
		list.IgnoreTables = append(list.IgnoreTables, filters.TablePattern{Schema: "other", Table: t})
		exact := expr.Rule{Name: name, Schema: "other", Table: "t", UpdateNew: "v < 0"}
		if variant == "busy" {
			exact.Schema, exact.Table = schema, fmt.Sprintf("t_%02d_%d", i, i)
		}
		exprs = append(exprs, exact)
	}
	var err error
	b.sub.Routes, err = route.New(routes, route.Options{})
	b.must(err)
	b.sub.Events, err = filters.NewEvents(events, false)
	b.must(err)
	b.sub.Exprs, err = expr.NewRules(exprs, false)
	b.must(err)
	own, err := filters.New(list, filters.Options{})
	b.must(err)
	b.sub.Filter = both{b.sub.Filter, own}
}

// both is a filter that lets through what two let through.
type both struct{ a, b config.TableFilter }

func (f both) MatchSchema(s string) bool   { return f.a.MatchSchema(s) && f.b.MatchSchema(s) }
func (f both) MatchTable(s, t string) bool { return f.a.MatchTable(s, t) && f.b.MatchTable(s, t) }
