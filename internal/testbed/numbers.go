package testbed

import "regexp"

var sequence = regexp.MustCompile(`\bFROM (?:\w+\.)?seq_(\d+)_to_(\d+)`)

// Numbers makes a query for MariaDB, which has tables of numbers like
// seq_1_to_100, one that the server can execute.
func (s *Server) Numbers(query string) string {
	if s.Name != "mysql" {
		return query
	}
	return sequence.ReplaceAllString(query,
		"FROM (WITH RECURSIVE s (seq) AS (SELECT CAST($1 AS UNSIGNED) UNION ALL SELECT seq + 1 FROM s WHERE seq < $2) SELECT seq FROM s) AS numbers")
}
