package testbed

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// wasDone tells that a statement had been executed before, by an attempt whose
// answer was lost with its connection: the thing exists, or is gone already.
func wasDone(err error) bool {
	refused := (*mysql.MySQLError)(nil)
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Number {
	case 1050, 1060, 1061, 1091, 1051, 1146, 1054:
		return true
	}
	return false
}

// ddlSteps is the writer that changes structures: it walks through a list of
// statements, one about every second, and starts over with other names.
type ddlSteps struct {
	w     *Workload
	step  int
	round int
}

// next runs the next statement. The tables' other columns stay, so that the
// row writers go on.
func (d *ddlSteps) next(ctx context.Context, r *rand.Rand) error {
	sb := d.w.table(fmt.Sprintf("sbtest%d", 1+d.round%max(d.w.SysbenchTables, 1)))
	col := fmt.Sprintf("x%d", d.round)
	made, renamed := d.w.table(fmt.Sprintf("made_%d", d.round)), d.w.table(fmt.Sprintf("renamed_%d", d.round))
	list := []string{
		"ALTER TABLE " + sb + " ADD COLUMN " + col + " INT NOT NULL DEFAULT 7",
		fmt.Sprintf("UPDATE %s SET %s = id WHERE id < 100", sb, col),
		"ALTER TABLE " + sb + " ADD INDEX i_" + col + " (" + col + ")",
		"CREATE TABLE " + made + " (id INT PRIMARY KEY, v VARCHAR(20) DEFAULT 'x')",
		"INSERT INTO " + made + " (id) VALUES (1), (2), (3)",
		"ALTER TABLE " + made + " ADD COLUMN w BIGINT FIRST",
		"RENAME TABLE " + made + " TO " + renamed,
		"UPDATE " + renamed + " SET w = id * 10",
		"ALTER TABLE " + sb + " DROP COLUMN " + col,
		"TRUNCATE TABLE " + renamed,
		"INSERT INTO " + renamed + " (id, w) VALUES (9, 9)",
	}
	if d.round%2 == 1 {
		list = append(list, "DROP TABLE "+renamed)
	}
	if _, err := d.w.DB.ExecContext(ctx, list[d.step]); err != nil && !wasDone(err) {
		return err
	}
	atomic.AddInt64(&d.w.counts.DDLs, 1)
	if d.step++; d.step == len(list) {
		d.step, d.round = 0, d.round+1
	}
	wait(ctx, time.Duration(500+r.IntN(1000))*time.Millisecond)
	return nil
}
