package config

import _ "embed" // the samples are files, so that a person can read them as such

//go:embed samples/dm-master.toml
var sampleMaster string

//go:embed samples/dm-worker.toml
var sampleWorker string

//go:embed samples/source.yaml
var sampleSource string

//go:embed samples/task.yaml
var sampleTask string

// SampleMaster is what dm-master -print-sample-config prints.
func SampleMaster() string { return sampleMaster }

// SampleWorker is what dm-worker -print-sample-config prints.
func SampleWorker() string { return sampleWorker }

// SampleSource is what dmctl operate-source --print-sample-config prints.
func SampleSource() string { return sampleSource }

// SampleTask is a task file with every setting that has an effect.
func SampleTask() string { return sampleTask }
