package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/raftdm/raftdm/internal/binlog"
	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/testbed"
)

// bigValue is the size of one value of the fat batch.
const bigValue = 256 << 10

// runBig replicates what is large at once, and reports how long it took and the
// most memory that the worker's process held: a transaction of so many rows, a
// statement that inserts so many MiB, and so many tables. More than limit MiB of
// memory is an error.
func runBig(ctx context.Context, rows, mebibytes, tables, limit int) (err error) {
	dir, err := os.MkdirTemp("", "raftdm-big-")
	if err != nil {
		return err
	}
	b := &bench{options: options{threads: 4, workers: 16, batch: 100}, dir: dir}
	defer func() {
		if cerr := b.close(); err == nil {
			err = cerr
		}
	}()
	if err := b.startServers(ctx); err != nil {
		return err
	}
	steps := []struct {
		what string
		text []string
	}{
		{fmt.Sprintf("a transaction of %d rows", rows), []string{
			"CREATE TABLE bench.narrow (id INT PRIMARY KEY, v INT)",
			fmt.Sprintf("INSERT INTO bench.narrow SELECT seq, seq FROM bench.seq_1_to_%d", rows)}},
		{fmt.Sprintf("a statement of %d MiB", mebibytes), []string{
			"CREATE TABLE bench.fat (id INT PRIMARY KEY, v LONGTEXT)",
			fmt.Sprintf("INSERT INTO bench.fat SELECT seq, REPEAT(CHAR(97 + seq %% 26), %d) FROM bench.seq_1_to_%d", bigValue, mebibytes<<20/bigValue)}},
		{fmt.Sprintf("%d tables with a row each", tables), manyTables(tables)},
	}
	at, err := testbed.BinlogEnd(ctx, b.up.DB())
	if err != nil {
		return err
	}
	if err := b.up.Exec(ctx, "CREATE DATABASE bench"); err != nil {
		return err
	}
	return b.withCluster(ctx, func(c *testbed.Cluster) error {
		const name = "big"
		file := b.task(name, "incremental", b.ours[0])
		file.Start = &config.StartPoint{BinlogName: at.Name, BinlogPos: at.Pos}
		if err := b.startTask(ctx, c, file); err != nil {
			return err
		}
		var over error
		for _, s := range steps {
			say("writing %s", s.what)
			began := time.Now()
			if err := b.up.Exec(ctx, s.text...); err != nil {
				return errors.Join(over, err)
			}
			written := time.Since(began)
			if err := b.reached(ctx, c, name); err != nil {
				return errors.Join(over, err)
			}
			held, err := c.Workers()[0].MostHeld()
			if err != nil {
				return errors.Join(over, err)
			}
			fmt.Printf("%-32s written in %6.1f s, on the target after %6.1f s, the worker held at most %d MiB so far\n",
				s.what, written.Seconds(), time.Since(began).Seconds(), held)
			if held > limit {
				over = fmt.Errorf("the worker held %d MiB, more than %d", held, limit)
			}
		}
		return errors.Join(over, b.compare(ctx, "raftdm's replication", b.ours[0].Server))
	})
}

// reached waits until the task is where the source is now. The source may write
// to its binlog by itself afterwards, as it does behind a file that is full.
func (b *bench) reached(ctx context.Context, c *testbed.Cluster, task string) error {
	end, err := testbed.BinlogEnd(ctx, b.up.DB())
	if err != nil {
		return err
	}
	_, err = c.Await(ctx, task, func(t testbed.TaskStatus) (bool, error) {
		if t.Stage == "Paused" {
			return false, errors.New(t.Trouble())
		}
		if t.Sync == nil {
			return false, nil
		}
		at, err := binlog.ParsePosition(t.Sync.SyncerBinlog)
		return err == nil && at.Compare(binlog.Position{Name: end.Name, Pos: end.Pos}) >= 0, nil
	})
	return err
}

func manyTables(n int) []string {
	out := make([]string, 0, 2*n)
	for i := range n {
		out = append(out, fmt.Sprintf("CREATE TABLE bench.t%d (id INT PRIMARY KEY, v VARCHAR(20), KEY (v))", i),
			fmt.Sprintf("INSERT INTO bench.t%d VALUES (%d, 'x')", i, i))
	}
	return out
}
