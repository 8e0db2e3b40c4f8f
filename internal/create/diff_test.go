package create

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/raftdm/raftdm/internal/route"
	"github.com/raftdm/raftdm/internal/schema"
)

func TestDifferences(t *testing.T) {
	const source = "CREATE TABLE `t` (`id` int(11) NOT NULL, `v` varchar(20) COLLATE utf8mb3_general_ci DEFAULT NULL, `n` decimal(10,2) unsigned, " +
		"`e` enum('a','b'), `x` text, `g` int AS (`id` + 1), PRIMARY KEY (`id`), UNIQUE KEY `u` (`v`(5), `n`)) DEFAULT CHARSET=utf8mb3"
	filled := &route.Target{Columns: []route.Column{{Name: "C_source"}}}
	for _, c := range []struct {
		name, target string
		to           *route.Target
		want         []Difference
	}{
		{"the same, as another server prints it", "CREATE TABLE `t` (`id` int NOT NULL, `V` varchar(20) COLLATE utf8_general_ci DEFAULT NULL, `n` decimal(10,2) unsigned, " +
			"`e` enum('a','b'), `x` text, `g` int AS (`id` + 1), PRIMARY KEY (`id`), UNIQUE KEY `other` (`v`(5), `n`)) DEFAULT CHARSET=utf8", nil, nil},
		{"columns are missing", "CREATE TABLE `t` (`id` int NOT NULL, `v` varchar(20), `n` decimal(10,2) unsigned, `e` enum('a','b'), PRIMARY KEY (`id`), UNIQUE KEY `u` (`v`(5), `n`)) DEFAULT CHARSET=utf8",
			nil, []Difference{{"column `x` is missing", true}, {"column `g` is missing, a generated one", false}}},
		{"columns and keys of its own", "CREATE TABLE `t` (\n  `id` bigint unsigned NOT NULL,\n  `v` varchar(10),\n  `n` decimal(12,2) unsigned,\n  `e` enum('b','a'),\n  `x` text,\n  `g` int,\n" +
			"  `must` int NOT NULL,\n  `may` int NOT NULL DEFAULT 1,\n  `c_source` char(3) NOT NULL,\n  PRIMARY KEY (`id`),\n  UNIQUE KEY `m` (`must`)\n) DEFAULT CHARSET=utf8",
			filled, []Difference{{"column `id` is bigint unsigned not null, on the source int not null", false},
				{"column `v` is varchar(10) utf8_general_ci, on the source varchar(20) utf8_general_ci", false},
				{"column `n` is decimal(12,2) unsigned, on the source decimal(10,2) unsigned", false},
				{"column `e` is enum('b','a') utf8_general_ci, on the source enum('a','b') utf8_general_ci", false},
				{"column `g` is no generated one, so the load gives it no values", false},
				{"column `must` is there on the target only and needs a value", true}, {"column `may` is there on the target only", false},
				{"unique key (`v`(5), `n`) is missing", false}, {"unique key (`must`) is there on the target only", false}}},
		{"generated on the target", "CREATE TABLE `t` (`id` int NOT NULL, `v` varchar(20), `n` decimal(10,2) unsigned AS (`id`), `e` enum('a','b'), `x` text, `g` int AS (`id` + 1)," +
			" PRIMARY KEY (`id`), UNIQUE KEY `u` (`v`(5), `n`)) DEFAULT CHARSET=utf8", nil, []Difference{{"column `n` is a generated one", true}}},
	} {
		made, err := schema.Parse(source, "", "s")
		if err != nil {
			t.Fatal(err)
		}
		there, err := schema.Parse(c.target, "", "s")
		if err != nil {
			t.Fatal(c.name, err)
		}
		to := c.to
		if to == nil {
			to = &route.Target{}
		}
		if diff := cmp.Diff(c.want, Differences(made, there, c.target, to)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}
