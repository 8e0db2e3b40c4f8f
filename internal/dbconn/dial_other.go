//go:build !linux

package dbconn

import "syscall"

// limitUnacknowledged: other systems are left with their own limits.
func limitUnacknowledged(_, _ string, _ syscall.RawConn) error { return nil }
