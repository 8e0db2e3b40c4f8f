package dbconn

import (
	"context"
	"fmt"
)

// PreparedXA lists the XA transactions that are prepared on the server, by their
// names as the binlog writes them: X'gtrid',X'bqual',format. MySQL 8 and later
// tell it only to users with XA_RECOVER_ADMIN; a refusal is the server's error.
func (db *DB) PreparedXA(ctx context.Context, on querier) ([]string, error) {
	rows, err := on.QueryContext(ctx, "XA RECOVER")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var (
			format       int64
			gtrid, bqual int
			data         []byte
		)
		if err := rows.Scan(&format, &gtrid, &bqual, &data); err != nil {
			return nil, err
		}
		if gtrid < 0 || bqual < 0 || gtrid+bqual > len(data) {
			return nil, fmt.Errorf("XA RECOVER answers a name of %d and %d bytes with %d bytes", gtrid, bqual, len(data))
		}
		out = append(out, fmt.Sprintf("X'%x',X'%x',%d", data[:gtrid], data[gtrid:gtrid+bqual], uint32(format)))
	}
	return out, rows.Err()
}
