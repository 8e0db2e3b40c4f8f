package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"sync"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/version"
)

// envMasterAddr is asked when neither a flag nor the file names a master.
const envMasterAddr = "DM_MASTER_ADDR"

// shared is what all verbs have in common: the global flags and the output.
type shared struct {
	program

	masterAddr, configFile, rpcTimeout string
	sslCA, sslCert, sslKey             string
	sources                            []string
	encrypt, decrypt                   string
	version, fail                      bool

	proxyNoted bool
	noteMu     sync.Mutex // several requests may run at the same time
	noted      map[string]bool
}

// noteOnce is note for what attempts repeat.
func (s *shared) noteOnce(text string) {
	s.noteMu.Lock()
	known := s.noted[text]
	if s.noted == nil {
		s.noted = map[string]bool{}
	}
	s.noted[text] = true
	s.noteMu.Unlock()
	if !known {
		s.note(text)
	}
}

// note tells the operator something beside the answer.
func (s *shared) note(text string) {
	s.noteMu.Lock()
	defer s.noteMu.Unlock()
	fmt.Fprintln(s.Stderr, text)
}

const rootHelp = `dmctl sends operations to a dm-master and prints their answers as JSON: the one
of the command line, or, without one, those that are typed in.

Exit codes: 0 when a master answered, also with "result": false unless --fail is
given; 1 when the arguments are wrong, no master could be asked, the operation is
not supported yet, or --fail is given and the answer has a "result" that is false.`

const rootExample = `  dmctl --master-addr 127.0.0.1:8261                 # type commands, exit with ^D
  dmctl --master-addr 127.0.0.1:8261 query-status    # one command
  dmctl help start-task`

// newRoot builds the command line.
func newRoot(s *shared) *cobra.Command {
	root := &cobra.Command{
		Use: "dmctl", Short: "operate a raftdm cluster", Long: rootHelp,
		SilenceErrors: true, SilenceUsage: true, Args: cobra.ArbitraryArgs,
		Example: rootExample,
		RunE:    func(cmd *cobra.Command, args []string) error { return s.local(cmd, args) },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{plainFlag(err)} })
	f := root.PersistentFlags()
	f.BoolVarP(&s.version, "version", "V", false, "print the version and exit")
	f.StringVar(&s.configFile, "config", "", "TOML file with master-addr, rpc-timeout, ssl-ca, ssl-cert and ssl-key")
	f.StringVar(&s.masterAddr, "master-addr", "", "addresses of masters, host:port, separated by commas (environment: "+envMasterAddr+")")
	f.StringVar(&s.rpcTimeout, "rpc-timeout", config.DefaultRPCTimeout.String(), "how long to wait for the answer")
	f.StringSliceVarP(&s.sources, "source", "s", nil, "source ids, repeated or separated by commas")
	f.BoolVar(&s.fail, "fail", false, `exit with 1 when the answer has a "result" that is false`)
	f.StringVar(&s.sslCA, "ssl-ca", "", "CA file in PEM form that the masters' certificates are checked with; it switches TLS on")
	f.StringVar(&s.sslCert, "ssl-cert", "", "certificate file in PEM form to show to the masters")
	f.StringVar(&s.sslKey, "ssl-key", "", "file with the key of ssl-cert")
	root.Flags().StringVar(&s.encrypt, "encrypt", "", "encrypt a password")
	root.Flags().StringVar(&s.decrypt, "decrypt", "", "decrypt a password")
	_ = root.Flags().MarkHidden("encrypt") // older forms of the commands
	_ = root.Flags().MarkHidden("decrypt")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return s.early(cmd) }
	root.AddCommand(newOperateSource(s), newStartTask(s), newStopTask(s), newPauseTask(s), newResumeTask(s),
		newQueryStatus(s), newCheckTask(s), newListMember(s), newTransferSource(s), newOfflineMember(s), newOperateLeader(s),
		newConfig(s), newGetConfig(s), newHistory(s), newEncrypt(s), newDecrypt(s), newBinlog(s), newHandleError(s), newBinlogSchema(s), newOperateSchema(s))
	root.AddCommand(notYet()...)
	return root
}

// goNumber is how Go's library says that a number is none.
var goNumber = regexp.MustCompile(`: strconv\.Parse(Int|Uint): parsing ".*": (invalid syntax|value out of range)$`)

// plainFlag says in words of operators what is wrong with a flag.
func plainFlag(err error) error {
	text := goNumber.ReplaceAllString(err.Error(), ": a whole number is expected")
	if text == err.Error() {
		return err
	}
	return errors.New(text)
}

// early handles what comes before any command.
func (s *shared) early(cmd *cobra.Command) error {
	if s.version {
		fmt.Fprint(s.Stdout, version.Text())
		cmd.RunE = func(*cobra.Command, []string) error { return nil }
		return nil
	}
	return nil
}

// local runs without a command: --encrypt, --decrypt, else line by line.
func (s *shared) local(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 0:
		return usagef("unknown command %q", args[0])
	case s.encrypt != "":
		return s.printEncrypted(cmd, "", s.encrypt)
	case s.decrypt != "":
		return s.printDecrypted("", s.decrypt)
	default:
		return s.interactive(cmd)
	}
}

// settings gives the addresses of the masters, the time to wait and the TLS, from
// the flags, else the file, else (the addresses) the environment.
func (s *shared) settings(cmd *cobra.Command) (c config.DmctlConfig, err error) {
	c = config.DmctlConfig{RPCTimeout: config.DefaultRPCTimeout}
	if s.configFile != "" {
		data, err := os.ReadFile(s.configFile)
		if err != nil {
			return c, unreadable("dmctl's configuration", s.configFile, err)
		}
		if c, err = config.DecodeDmctl(s.configFile, data); err != nil {
			return c, err
		}
	}
	for _, k := range []struct {
		flag string
		dst  *string
	}{{s.sslCA, &c.Security.CA}, {s.sslCert, &c.Security.Cert}, {s.sslKey, &c.Security.Key}} {
		if k.flag != "" {
			*k.dst = k.flag
		}
	}
	if err = config.CheckDmctlSecurity(c.Security); err != nil {
		return c, err
	}
	if cmd.Flags().Changed("rpc-timeout") {
		if c.RPCTimeout, err = config.ParseRPCTimeout(s.rpcTimeout); err != nil {
			return c, err
		}
	}
	text := s.masterAddr
	if text == "" && len(c.MasterAddrs) == 0 {
		text = s.Getenv(envMasterAddr)
	}
	if text != "" {
		if c.MasterAddrs, err = config.ParseMasterAddrs(text); err != nil {
			return c, err
		}
	}
	s.noteProxy()
	if len(c.MasterAddrs) == 0 {
		return c, usagef("no master is named: give --master-addr or set the environment variable %s", envMasterAddr)
	}
	return c, nil
}

// noteProxy says once that proxies of the environment are passed by: DM's dmctl
// goes through them, and so may somebody expect.
func (s *shared) noteProxy() {
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		if s.Getenv(name) != "" && !s.proxyNoted {
			s.proxyNoted = true
			s.note("the environment sets " + name + "; dmctl connects to masters directly, without a proxy")
		}
	}
}
