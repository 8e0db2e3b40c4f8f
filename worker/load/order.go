package load

// lanesPerTable is how many lanes work at one table of a MySQL or MariaDB.
//
// Such a server keeps each index as a tree of pages. Rows of a secondary index come
// in no order, so the pages of all tables that are being filled have to stay in
// memory, else each row reads one from the disk: the fewer tables the better.
// But lanes at one table wait for each other at its trees.
const lanesPerTable = 4

// tablesAtOnce is how many tables are filled beside each other. In TiDB rows of
// a table go to one server until the table has grown, and pages are not read to
// insert a row: there each lane gets a table of its own.
func tablesAtOnce(lanes int, tidb bool) int {
	if tidb {
		return max(1, lanes)
	}
	return max(1, lanes/lanesPerTable)
}

// inTurn orders files so that at most so many tables are filled beside each
// other, in turn. Tables keep their order, and the files of a table theirs.
func inTurn(items []item, tables int) []item {
	files := map[*table][]item{}
	var later []*table
	for _, it := range items {
		if len(files[it.table]) == 0 {
			later = append(later, it.table)
		}
		files[it.table] = append(files[it.table], it)
	}
	out := make([]item, 0, len(items))
	var now []*table
	for len(out) < len(items) {
		for len(now) < tables && len(later) > 0 {
			now, later = append(now, later[0]), later[1:]
		}
		left := now[:0]
		for _, t := range now {
			out = append(out, files[t][0])
			if files[t] = files[t][1:]; len(files[t]) > 0 {
				left = append(left, t)
			}
		}
		now = left
	}
	return out
}
