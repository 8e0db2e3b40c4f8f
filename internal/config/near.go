package config

import "sort"

// nearest gives the known name that word was probably meant to be, "" if none
// is close: at most one edit per three letters.
func nearest(word string, known []string) string {
	sort.Strings(known)
	best, least := "", len(word)/3+1
	for _, k := range known {
		if d := edits(word, k); d < least || d == least && best == "" {
			best, least = k, d
		}
	}
	return best
}

// edits counts the insertions, deletions and replacements between a and b.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next := min(row[j]+1, row[j-1]+1, diagonal+cost)
			diagonal, row[j] = row[j], next
		}
	}
	return row[len(b)]
}
