package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
)

// mostMiB is how much memory a worker may hold in the full phase.
const mostMiB = 400

// Phases that goals speak of.
const (
	phaseDump = "dump"
	phaseLoad = "load into MariaDB"
	// both in one task: overlap switched off, and on
	phaseSerial = "dump, then load"
	phaseWhole  = "dump beside load"
	// of a source that is no faster than the load
	phaseSlowSerial = "slow, then load"
	phaseSlowWhole  = "slow beside load"
)

// fullResult is one measurement.
type fullResult struct {
	phase, who string
	took       time.Duration
	server     float64 // seconds of processor time of the upstream; 0 when it does nothing
	cpu        float64 // the same of the worker; 0 for others
	mib        int     // the most that it has held
}

func (f *full) add(r fullResult) {
	f.results = append(f.results, r)
	say("%s by %s: %s", r.phase, r.who, r.took.Round(10*time.Millisecond))
}

// median gives of several measurements the middle one, and how many there are;
// who "" is raftdm.
func (f *full) median(phase, who string) (fullResult, int) {
	var all []fullResult
	for _, r := range f.results {
		if r.phase == phase && r.who == cmp.Or(who, "raftdm") {
			all = append(all, r)
		}
	}
	if len(all) == 0 {
		return fullResult{}, 0
	}
	slices.SortFunc(all, func(a, b fullResult) int { return cmp.Compare(a.took, b.took) })
	return all[(len(all)-1)/2], len(all)
}

// print writes the table and the goals; an error when a worker has held too much.
func (f *full) print(out io.Writer) error {
	mb := float64(f.bytes) / 1e6
	fmt.Fprintf(out, "\n%.0f MB of INSERTs, %d connections\n\n%-18s %-10s %9s %9s %7s %9s %9s %9s\n", mb, f.threads,
		"phase", "by", "seconds", "MB/s", "ratio", "source s", "CPU s", "RSS MiB")
	peer := map[string]time.Duration{}
	for _, r := range f.results {
		if _, known := peer[r.phase]; !known {
			m, _ := f.median(r.phase, r.who) // peers come first
			peer[r.phase] = m.took
		}
		own := ""
		if r.mib > 0 {
			own = fmt.Sprintf(" %9.1f %9d", r.cpu, r.mib)
		}
		fmt.Fprintf(out, "%-18s %-10s %9.2f %9.1f %7.2f %9.1f%s\n", r.phase, r.who, r.took.Seconds(), mb/r.took.Seconds(),
			peer[r.phase].Seconds()/r.took.Seconds(), r.server, own)
	}
	fmt.Fprintln(out, "\nratio: the peer's time, of several the median, by ours; above 1.00 raftdm is faster. source s is the processor time\n"+
		"of the upstream; CPU and RSS (the most held) are of dm-worker.")
	return f.goals(out)
}

// goals says which were reached; what was not measured is left out.
func (f *full) goals(out io.Writer) error {
	fmt.Fprintln(out, "\ngoals")
	say := func(reached bool, format string, args ...any) {
		fmt.Fprintf(out, "%-3s  %s\n", yes(reached), fmt.Sprintf(format, args...))
	}
	for _, pair := range [][2]string{{phaseDump, "mydumper"}, {phaseLoad, "myloader"}} {
		phase, peer := pair[0], pair[1]
		theirs, _ := f.median(phase, peer)
		ours, n := f.median(phase, "")
		if n > 0 {
			ratio := theirs.took.Seconds() / ours.took.Seconds()
			say(ratio >= 1, "%s: %.2f x as fast as %s (median of %d), goal >= 1.0", phase, ratio, peer, n)
		}
	}
	load, _ := f.median(phaseLoad, "")
	for _, pair := range [][2]string{{phaseSerial, phaseWhole}, {phaseSlowSerial, phaseSlowWhole}} {
		serial, _ := f.median(pair[0], "")
		if beside, n := f.median(pair[1], ""); n > 0 {
			say(beside.took.Seconds() <= mostWhole*serial.took.Seconds(),
				"%s: %.2f x the time of %q (median of %d), goal <= %.1f; the load alone is %.2f x",
				pair[1], beside.took.Seconds()/serial.took.Seconds(), pair[0], n, mostWhole, load.took.Seconds()/serial.took.Seconds())
		}
	}
	most := 0
	for _, r := range f.results {
		most = max(most, r.mib)
	}
	say(most < mostMiB, "a worker held %d MiB at most, goal < %d", most, mostMiB)
	if most >= mostMiB {
		return fmt.Errorf("a worker has held %d MiB, which is not below %d", most, mostMiB)
	}
	return nil
}

// mostWhole is which part of the time of dump and load one after the other both
// may take beside each other.
const mostWhole = 0.7
