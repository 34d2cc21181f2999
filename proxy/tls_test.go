package proxy_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/accordhq/accord/proxy"
)

// authority signs certificates for one test.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{}
	pair := a.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	a.cert, a.key = pair.Leaf, pair.PrivateKey.(*ecdsa.PrivateKey)
	return a
}

// issue signs a certificate; the first is the authority's own.
func (a *authority) issue(t testing.TB, template *x509.Certificate) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// pool trusts the authority.
func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// server is good for these names.
func (a *authority) server(t testing.TB, names ...string) *tls.Config {
	t.Helper()
	cert := a.issue(t, &x509.Certificate{DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
}

// TestTLS ends TLS of clients at the gate and begins its own towards the brokers; a client's certificate says who it is.
func TestTLS(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders.placed"), kfake.TLS(theirs.server(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	source := shop(`{"senders":true}`)
	source.serviceOf("User:shop", "orders")
	source.serviceOf("User:spiffe://shop/orders", "orders")
	front := ours.server(t)
	front.ClientAuth, front.ClientCAs = tls.VerifyClientCertIfGiven, ours.pool()
	_, addr := startGate(t, proxy.Config{Brokers: cluster.ListenAddrs(), Schemas: source, TLS: front, UpstreamTLS: &tls.Config{RootCAs: theirs.pool(), MinVersion: tls.VersionTLS12}})
	spiffe, _ := url.Parse("spiffe://shop/orders")
	for _, tc := range []struct {
		name string
		cert *x509.Certificate // nil: none
		from *authority
		want error
	}{
		{"common name", &x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ours, nil},
		{"alternative name", &x509.Certificate{URIs: []*url.URL{spiffe}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ours, nil},
		{"somebody else", &x509.Certificate{Subject: pkix.Name{CommonName: "eve"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, ours, kerr.InvalidRecord},
		{"nobody", nil, nil, kerr.InvalidRecord},
	} {
		t.Run(tc.name, func(t *testing.T) {
			config := &tls.Config{RootCAs: ours.pool(), MinVersion: tls.VersionTLS12}
			if tc.cert != nil {
				config.Certificates = []tls.Certificate{tc.from.issue(t, tc.cert)}
			}
			c := newClient(t, kgo.SeedBrokers(addr), kgo.DialTLSConfig(config))
			if err := c.ProduceSync(testContext(t), &kgo.Record{Topic: "orders.placed", Value: []byte(goodV2)}).FirstErr(); !errors.Is(err, tc.want) {
				t.Errorf("produce: %v, want %v", err, tc.want)
			}
		})
	}
	t.Run("certificate of another authority", func(t *testing.T) {
		cert := theirs.issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "shop"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: ours.pool(), Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
		if err == nil {
			_, err = conn.Read(make([]byte, 1)) // TLS 1.3 tells of it only now
			_ = conn.Close()
		}
		if err == nil {
			t.Error("it was let in")
		}
	})
	t.Run("plain text", func(t *testing.T) {
		c := newClient(t, kgo.SeedBrokers(addr), kgo.RequestRetries(0))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := c.Ping(ctx); err == nil {
			t.Error("it was let in")
		}
	})
}

// TestSNI reaches three nodes through one port, by name.
func TestSNI(t *testing.T) {
	ca := newAuthority(t)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(6, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	if _, err := proxy.New(proxy.Config{Brokers: cluster.ListenAddrs(), Schemas: noPromises{}, SNI: "gate.test"}); err == nil {
		t.Error("SNI without TLS is taken")
	}
	_, addr := startGate(t, proxy.Config{Brokers: cluster.ListenAddrs()[:1], Schemas: noPromises{}, SNI: "gate.test", TLS: ca.server(t, "*.gate.test")})
	_, port, _ := net.SplitHostPort(addr)
	dial := func(ctx context.Context, network, host string) (net.Conn, error) { // as a resolver would, all names are one address
		name, _, _ := strings.Cut(host, ":")
		return (&tls.Dialer{Config: &tls.Config{RootCAs: ca.pool(), ServerName: name, MinVersion: tls.VersionTLS12}}).DialContext(ctx, network, addr)
	}
	c := newClient(t, kgo.SeedBrokers("bootstrap.gate.test:"+port), kgo.Dialer(dial), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MaxProduceRequestsInflightPerBroker(1))
	meta, err := kmsg.NewPtrMetadataRequest().RequestWith(testContext(t), c)
	if err != nil || len(meta.Brokers) != 3 {
		t.Fatalf("metadata: %v, %+v", err, meta)
	}
	for _, b := range meta.Brokers {
		if want := "broker-" + string(rune('0'+b.NodeID)) + ".gate.test"; b.Host != want || addr != net.JoinHostPort("127.0.0.1", port) {
			t.Errorf("node %d is %s:%d, want %s:%s", b.NodeID, b.Host, b.Port, want, port)
		}
	}
	for p := range int32(6) {
		if err := c.ProduceSync(testContext(t), &kgo.Record{Topic: "t", Partition: p, Value: []byte{1}}).FirstErr(); err != nil {
			t.Fatalf("partition %d: %v", p, err)
		}
	}
	for _, name := range []string{"broker-9999999999.gate.test", "broker-01.gate.test", "broker--1.gate.test", "gate.test", "bootstrap.other.test", "x.gate.test"} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, ServerName: name})
		if err == nil {
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, err = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
		if timeout, ok := errors.AsType[net.Error](err); err == nil || ok && timeout.Timeout() {
			t.Errorf("%s: %v, want the connection closed", name, err)
		}
	}
}
