package main

import (
	"strings"
	"unicode/utf8"
)

// The values of --format.
const (
	formatJSON  = "json"
	formatTable = "table"
)

func checkFormat(format string) error {
	if format != formatJSON && format != formatTable {
		return usagef("--format is json or table, not %q", format)
	}
	return nil
}

// table is text in columns for people.
type table struct {
	rows [][]string
}

// row adds a line. What would break the line is made a blank.
func (t *table) row(cells ...string) {
	clean := make([]string, len(cells))
	for i, c := range cells {
		clean[i] = strings.Join(strings.Fields(c), " ")
		if clean[i] == "" {
			clean[i] = "-"
		}
	}
	t.rows = append(t.rows, clean)
}

// String gives the lines, columns two blanks apart; the last may be of any length.
func (t *table) String() string {
	var widths []int
	for _, row := range t.rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		for i, c := range row {
			b.WriteString(c)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)+2))
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}
