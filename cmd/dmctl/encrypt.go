package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/raftdm/raftdm/internal/config"
	"github.com/raftdm/raftdm/internal/fault"
	"github.com/raftdm/raftdm/rpc/pb"
)

// encryptWithin bounds asking a master to encrypt a password: that can be done
// without one, too.
const encryptWithin = 3 * time.Second

func newEncrypt(s *shared) *cobra.Command {
	var path string
	c := &cobra.Command{Use: "encrypt <password>", Short: "encrypt a password for a source or task file",
		Long: `encrypt encrypts a password for a source or task file.

It asks the master of --master-addr, whose secret-key-path may name a key that
only the masters have. --secret-key-path does the same here, without a master. With
neither, DM's key is used, which is public; every master can read that, too.`,
		Example: "  dmctl encrypt 'p@ss'\n  dmctl --master-addr 127.0.0.1:8261 encrypt 'p@ss'", ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("encrypt needs exactly one password")
			}
			return s.printEncrypted(cmd, path, args[0])
		}}
	c.Flags().StringVar(&path, "secret-key-path", "", "the masters' file with the key, if it is here; needs no master")
	return c
}

func newDecrypt(s *shared) *cobra.Command {
	var path string
	c := &cobra.Command{Use: "decrypt <ciphertext>", Short: "decrypt what encrypt printed; needs no master",
		Example: "  dmctl decrypt 'VjX8cEeTX+qcvZ3bPaO4h0C80pe/1aU='\n  dmctl decrypt --secret-key-path /etc/dm/secret.key CIPHERTEXT", ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("decrypt needs exactly one ciphertext")
			}
			return s.printDecrypted(path, args[0])
		}}
	c.Flags().StringVar(&path, "secret-key-path", "", "the masters' file with the key; without it only what DM's public key encrypts can be read")
	return c
}

func (s *shared) printEncrypted(cmd *cobra.Command, path, plain string) error {
	key, err := config.ReadSecretKey(path)
	if err != nil {
		return err
	}
	if path == "" && s.namesMaster() {
		return s.printEncryptedByMaster(cmd, plain)
	}
	return s.printEncryptedHere(key, plain)
}

func (s *shared) printEncryptedHere(key config.SecretKey, plain string) error {
	text, err := key.Encrypt(plain)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, text)
	return nil
}

// namesMaster tells whether anything says where a master is.
func (s *shared) namesMaster() bool {
	return s.masterAddr != "" || s.configFile != "" || s.Getenv(envMasterAddr) != ""
}

// printEncryptedByMaster uses the masters' key. Without a master DM's does, which
// DM always uses and every master reads, but that has to be said.
func (s *shared) printEncryptedByMaster(cmd *cobra.Command, plain string) error {
	c, set, err := s.masters(cmd)
	if err != nil && (len(c.MasterAddrs) > 0 || !errors.As(err, new(*usageError))) {
		return err
	}
	if err != nil { // a file of --config without master-addr
		return s.printEncryptedHere(config.SecretKey{}, plain)
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), encryptWithin)
	defer cancel()
	conn, _, err := reach(ctx, set, c.MasterAddrs)
	if err == nil {
		defer conn.Close()
		var resp *pb.EncryptResponse
		if resp, err = pb.NewMasterClient(conn).Encrypt(ctx, &pb.EncryptRequest{Plaintext: plain}); err == nil && resp.GetResult() {
			fmt.Fprintln(s.Stdout, resp.GetCiphertext())
			return nil
		}
		if err == nil {
			err = fault.New(fault.Unavailable, resp.GetMsg())
		}
	}
	s.note("encrypted with DM's public key, since no master answered: " + err.Error())
	return s.printEncryptedHere(config.SecretKey{}, plain)
}

func (s *shared) printDecrypted(path, text string) error {
	key, err := config.ReadSecretKey(path)
	if err != nil {
		return err
	}
	plain, err := key.Decrypt(text)
	if err != nil {
		return err
	}
	fmt.Fprintln(s.Stdout, plain)
	return nil
}
