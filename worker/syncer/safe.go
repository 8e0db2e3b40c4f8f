package syncer

import "github.com/raftdm/raftdm/internal/binlog"

// beginSafe says at the start of a run why rows are applied in safe mode, if
// they are.
func (c *coordinator) beginSafe() {
	if c.safeMode {
		c.countSafe(1, "the task file says safe-mode: true")
	}
	if !c.safeUntil.IsZero() {
		c.countSafe(1, "rows up to "+c.safeUntil.String()+" may be on the target already")
	}
}

// countSafe notes that a reason for safe mode has come or gone. People look for
// the line as DM writes it: safe mode is on while its new count is not zero.
func (c *coordinator) countSafe(change int, why string) {
	before := c.safeCount
	c.safeCount += change
	c.ddl.log.Info("change count", "previous count", before, "new count", c.safeCount, "why", why)
}

// inSafeWindow tells whether t may be on the target already though no lane row
// says so: it lies before the place that a foreign checkpoint names.
func (c *coordinator) inSafeWindow(t *Txn) bool {
	if c.safeUntil.IsZero() {
		return false
	}
	if t.Begin.Compare(c.safeUntil.Position) < 0 {
		return true
	}
	c.safeUntil = binlog.Location{}
	c.countSafe(-1, "the place is reached up to which rows may have been on the target")
	return false
}
