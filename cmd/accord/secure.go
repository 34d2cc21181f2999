package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/cobra"
)

// tlsFlags are how a listener is secured.
type tlsFlags struct{ cert, key, clientCA string }

func (f *tlsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.cert, "tls-cert", "", "PEM file with the certificate to show, its chain behind it; read again when it changes")
	cmd.Flags().StringVar(&f.key, "tls-key", "", "PEM file with the certificate's key")
	cmd.Flags().StringVar(&f.clientCA, "tls-client-ca", "", "PEM file with the authorities whose client certificates are a sign-in")
}

// config is how connections are secured, nil for not at all.
func (f *tlsFlags) config(log *slog.Logger) (*tls.Config, error) {
	switch {
	case f.cert == "" && f.key == "" && f.clientCA == "":
		return nil, nil
	case f.cert == "" || f.key == "":
		return nil, exit(exitUsage, errors.New("--tls-cert and --tls-key are given together, and --tls-client-ca with them"))
	}
	files := []string{f.cert, f.key}
	if f.clientCA != "" {
		files = append(files, f.clientCA)
	}
	material, err := reload(log, parseTLS, files...)
	if err != nil {
		return nil, exit(exitInput, fmt.Errorf("TLS: %w", err))
	}
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return material.get(), nil },
	}, nil
}

// required is config for a listener that knows no other sign-in: with authorities, whoever has no certificate of theirs
// does not come in.
func (f *tlsFlags) required(log *slog.Logger) (*tls.Config, error) {
	c, err := f.config(log)
	if c == nil || f.clientCA == "" {
		return c, err
	}
	given := c.GetConfigForClient
	c.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		one, err := given(hello)
		if err != nil {
			return nil, err
		}
		one = one.Clone()
		one.ClientAuth = tls.RequireAndVerifyClientCert
		return one, nil
	}
	return c, nil
}

// parseTLS reads certificate, key and, if given, the authorities of clients. Its errors tell nothing of the key.
func parseTLS(texts [][]byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, NextProtos: []string{"http/1.1"}}
	if len(texts) > 2 {
		c.ClientCAs = x509.NewCertPool()
		if !c.ClientCAs.AppendCertsFromPEM(texts[2]) {
			return nil, errors.New("no certificate of an authority in the file of --tls-client-ca")
		}
		c.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return c, nil
}

// secured is a listener with TLS, if there is any.
func secured(l net.Listener, c *tls.Config) net.Listener {
	if c == nil {
		return l
	}
	return tls.NewListener(l, c)
}
