package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A conn is one client connection and its one connection to a broker, so that SASL, quotas, ordering and transactions
// stay between the two of them.
//
// Two goroutines own it: serve reads the client's requests, answers reads the broker's. What the gate answers itself
// waits in the queue until the answers before it are written.
type conn struct {
	srv      *Server
	ctx      context.Context // ends with the connection
	serveCtx context.Context // of Serve: outlives the connection
	cancel   context.CancelFunc
	node     int32 // whom the client dialled, or bootstrapNode
	client   net.Conn
	remote   string // client's address without the port
	host     string // what this client is told to connect to

	// what was seen of the client's reading; owned by serve's goroutine.
	fetched    bool
	subscribed subscription

	// who the client is to the broker; owned by serve's goroutine but for principal.
	sasl      saslState
	principal atomic.Pointer[string]

	slots    chan struct{} // one for each unanswered request
	draining atomic.Bool

	mu    sync.Mutex // guards queue, and the gate's own writes to client
	queue []pending  // unanswered requests, oldest first

	sides    sync.Mutex // guards the assignment and closing of client and upstream
	upstream net.Conn   // nil until the first request
	closed   bool
}

// pending is a request that has no answer yet.
type pending struct {
	key, version int16
	correlation  int32
	// local is the gate's own answer, a whole frame; nil: the broker answers.
	local []byte
	// change rewrites the body of the broker's answer (what follows the header); nil: its bytes go on. It may return
	// its argument.
	change func(body []byte) ([]byte, error)
	// last closes the connection once this is answered.
	last bool
}

// request is one frame of a client.
type request struct {
	key, version int16
	correlation  int32
	frame        []byte // size prefix and all; aliases a pooled buffer that lives until the handler returns
}

var (
	errAnswer = errors.New("broker's answer does not fit the oldest request")
	errFrame  = errors.New("malformed request")
)

func newConn(s *Server, ctx context.Context, node int32, client net.Conn) *conn {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c := &conn{
		srv: s, ctx: own, serveCtx: ctx, cancel: cancel, node: node, client: client,
		slots: make(chan struct{}, MaxPipelined),
	}
	c.remote, _, _ = net.SplitHostPort(client.RemoteAddr().String())
	c.host = s.cfg.Advertise
	if c.host == "" {
		c.host, _, _ = net.SplitHostPort(client.LocalAddr().String())
	}
	nobody := anonymous
	c.principal.Store(&nobody)
	return c
}

// serve reads requests until either side ends.
func (c *conn) serve() {
	defer c.close()
	if err := c.handshake(); err != nil {
		c.srv.quiet.warn("TLS handshake", "remote", c.remote, "err", err)
		return
	}
	_ = c.client.SetReadDeadline(time.Now().Add(c.srv.limits.HandshakeTimeout))
	var answers sync.WaitGroup
	defer answers.Wait()
	defer c.close()
	for {
		req, buf, err := c.readRequest()
		if err != nil {
			if c.draining.Load() && errors.Is(err, os.ErrDeadlineExceeded) {
				c.finish()
				return
			}
			c.sayWhy(err)
			return
		}
		if c.upstream == nil {
			if err := c.connect(); err != nil {
				putBuffer(buf)
				c.srv.room.give(held(int64(len(req.frame))))
				return
			}
			answers.Go(c.answers)
		}
		err = c.handle(req)
		c.srv.room.give(held(int64(len(req.frame))))
		putBuffer(buf)
		if err != nil {
			c.sayWhy(err)
			return
		}
		_ = c.client.SetReadDeadline(time.Time{})
		if c.draining.Load() {
			c.finish()
			return
		}
	}
}

func (c *conn) handshake() error {
	if c.srv.cfg.TLS == nil {
		return nil
	}
	secured := tls.Server(c.client, c.srv.cfg.TLS)
	ctx, cancel := context.WithTimeout(c.ctx, c.srv.limits.HandshakeTimeout)
	defer cancel()
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	state := secured.ConnectionState()
	if len(state.VerifiedChains) > 0 {
		if user := certificateUser(state.PeerCertificates[0]); user != "" {
			principal := "User:" + user
			c.principal.Store(&principal)
		}
	}
	c.sides.Lock()
	c.client = secured
	c.sides.Unlock()
	if domain := c.srv.cfg.SNI; domain != "" {
		node, err := sniDoor(state.ServerName, domain)
		c.node = node
		return err
	}
	return nil
}

// certificateUser is whom a client certificate names: its common name, else its first alternative name.
func certificateUser(cert *x509.Certificate) string {
	names := []string{cert.Subject.CommonName}
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	names = slices.Concat(names, cert.DNSNames, cert.EmailAddresses)
	i := slices.IndexFunc(names, func(name string) bool { return name != "" })
	if i < 0 {
		return ""
	}
	return names[i]
}

// connect dials the broker. A client whose broker cannot be reached is closed, as Kafka would do; it retries.
func (c *conn) connect() error {
	upstream, err := c.srv.dial(c.ctx, c.node)
	if err != nil {
		c.srv.quiet.warn("broker not reached", "node", c.node, "err", err)
		return err
	}
	c.sides.Lock()
	defer c.sides.Unlock()
	if c.closed {
		_ = upstream.Close()
		return net.ErrClosed
	}
	c.upstream = upstream
	return nil
}

// readRequest reads one frame. The caller gives the buffer and the room back. io.EOF is the client's orderly end.
func (c *conn) readRequest() (*request, *[]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c.client, size[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, nil, fmt.Errorf("%w: cut inside the length", errFrame)
		}
		return nil, nil, err
	}
	n := int64(int32(binary.BigEndian.Uint32(size[:])))
	switch {
	case n > c.srv.limits.MaxFrame || n < 0:
		return nil, nil, c.describeGiant(size, n)
	case n < minRequest:
		return nil, nil, fmt.Errorf("%w: length %d, a request has at least %d bytes", errFrame, n, minRequest)
	}
	if err := c.srv.room.take(c.ctx, held(n+4)); err != nil {
		return nil, nil, err
	}
	_ = c.client.SetReadDeadline(time.Now().Add(c.srv.limits.WriteTimeout + time.Duration(n/slowestFrame)*time.Second))
	buf := getBuffer(int(n) + 4)
	frame := *buf
	copy(frame, size[:])
	if read, err := io.ReadFull(c.client, frame[4:]); err != nil {
		c.srv.room.give(held(n + 4))
		about := ""
		if read >= 4 {
			about = fmt.Sprintf(" (key %d, version %d)", int16(binary.BigEndian.Uint16(frame[4:])), int16(binary.BigEndian.Uint16(frame[6:])))
		}
		putBuffer(buf)
		return nil, nil, fmt.Errorf("%w: cut after %d of %d bytes%s", errFrame, read, n, about)
	}
	c.srv.metrics.bytesIn.Add(float64(n + 4))
	return &request{
		key:         int16(binary.BigEndian.Uint16(frame[4:])),
		version:     int16(binary.BigEndian.Uint16(frame[6:])),
		correlation: int32(binary.BigEndian.Uint32(frame[8:])),
		frame:       frame,
	}, buf, nil
}

// anonymous is the principal of who did not say its name, as Kafka calls it.
const anonymous = "User:ANONYMOUS"

// minRequest is the smallest request header: key, version, correlation id.
const minRequest = 8

// describeGiant says what a frame of impossible length was, as far as its first bytes tell.
func (c *conn) describeGiant(size [4]byte, n int64) error {
	if size[0] == 0x16 && size[1] == 0x03 {
		return fmt.Errorf("%w: this is a TLS handshake, and this port speaks plain text", errFrame)
	}
	switch string(size[:]) {
	case "GET ", "POST", "PUT ", "HEAD":
		return fmt.Errorf("%w: this is HTTP, and this port speaks Kafka", errFrame)
	}
	var head [4]byte
	_ = c.client.SetReadDeadline(time.Now().Add(time.Second))
	if _, err := io.ReadFull(c.client, head[:]); err != nil {
		return fmt.Errorf("%w: length %d, limit %d", errFrame, n, c.srv.limits.MaxFrame)
	}
	return fmt.Errorf("%w: length %d, limit %d (key %d, version %d)", errFrame, n, c.srv.limits.MaxFrame,
		int16(binary.BigEndian.Uint16(head[:])), int16(binary.BigEndian.Uint16(head[2:])))
}

// sayWhy logs why a connection is closed, unless that is how connections end.
func (c *conn) sayWhy(err error) {
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) || c.isClosed() {
		return
	}
	if errors.Is(err, errFrame) || errors.Is(err, errAnswer) || errors.Is(err, errUnserved) {
		c.srv.quiet.warn("connection closed", "remote", c.remote, "err", err)
		return
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("too slow: %w", err)
	}
	c.srv.log.Debug("connection closed", "remote", c.remote, "err", err)
}

// forward sends a frame to the broker. The answer's action is p, except with quiet: then there is none (acks=0).
func (c *conn) forward(frame []byte, p pending, quiet bool) error {
	if !quiet {
		if err := c.enqueue(p); err != nil {
			return err
		}
	}
	_ = c.upstream.SetWriteDeadline(time.Now().Add(c.srv.limits.WriteTimeout))
	_, err := c.upstream.Write(frame)
	return err
}

// answer queues the gate's own answer, written as soon as everything before it is.
func (c *conn) answer(p pending) error {
	if err := c.enqueue(p); err != nil {
		return err
	}
	return c.flush()
}

func (c *conn) enqueue(p pending) error {
	select {
	case c.slots <- struct{}{}:
	case <-c.ctx.Done():
		return net.ErrClosed
	}
	c.mu.Lock()
	c.queue = append(c.queue, p)
	c.mu.Unlock()
	return nil
}

// flush writes the gate's own answers that are at the head of the queue.
func (c *conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.queue) > 0 && c.queue[0].local != nil {
		p := c.queue[0]
		if err := c.write(p.local); err != nil {
			return err
		}
		c.pop()
		if p.last {
			return net.ErrClosed
		}
	}
	return nil
}

// pop drops the oldest request. c.mu is held.
func (c *conn) pop() {
	c.queue[0] = pending{}
	if c.queue = c.queue[1:]; len(c.queue) == 0 {
		c.queue = nil
	}
	<-c.slots
}

// write writes to the client. c.mu is held, or the caller is the only writer.
func (c *conn) write(b []byte) error {
	_ = c.client.SetWriteDeadline(time.Now().Add(c.srv.limits.WriteTimeout))
	_, err := c.client.Write(b)
	return err
}

// answers carries the broker's answers to the client until either side ends.
func (c *conn) answers() {
	defer c.close()
	for {
		if err := c.carry(); err != nil {
			c.sayWhy(err)
			return
		}
	}
}

// carry moves one answer. The queue's head stays until it is written, so that flush cannot overtake it.
func (c *conn) carry() error {
	var head [8]byte
	if _, err := io.ReadFull(c.upstream, head[:]); err != nil {
		return err
	}
	n := int64(int32(binary.BigEndian.Uint32(head[:])))
	c.mu.Lock()
	if len(c.queue) == 0 || c.queue[0].local != nil {
		c.mu.Unlock()
		return fmt.Errorf("%w: none is waiting", errAnswer)
	}
	p := c.queue[0]
	c.mu.Unlock()
	if got := int32(binary.BigEndian.Uint32(head[4:])); got != p.correlation || n < 4 {
		return fmt.Errorf("%w: correlation id %d, want %d (key %d, version %d)", errAnswer, got, p.correlation, p.key, p.version)
	}
	c.srv.metrics.bytesOut.Add(float64(n + 4))
	var err error
	if p.change == nil {
		err = c.splice(head, n-4)
	} else {
		err = c.rewrite(p, head, n-4)
	}
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.pop()
	c.mu.Unlock()
	if p.last {
		return net.ErrClosed
	}
	return c.flush()
}

// spliceBuffer is how much of an answer goes to the client in the write that carries its header; the rest is left to
// the kernel where both sides are sockets.
const spliceBuffer = 32 << 10

// splice copies an answer that nobody needs to read.
func (c *conn) splice(head [8]byte, n int64) error {
	first := min(n, spliceBuffer-int64(len(head)))
	buf := getBuffer(len(head) + int(first))
	defer putBuffer(buf)
	copy(*buf, head[:])
	if _, err := io.ReadFull(c.upstream, (*buf)[len(head):]); err != nil {
		return err
	}
	if err := c.write(*buf); err != nil {
		return err
	}
	if n -= first; n == 0 {
		return nil
	}
	_ = c.client.SetWriteDeadline(time.Now().Add(c.srv.limits.WriteTimeout + time.Duration(n/slowestFrame)*time.Second))
	_, err := io.CopyN(c.client, c.upstream, n)
	return err
}

// rewrite reads an answer whole and lets the request's handler change it.
func (c *conn) rewrite(p pending, head [8]byte, n int64) error {
	if n > MaxResponse {
		return fmt.Errorf("%w: %d bytes (key %d, version %d), limit %d", errAnswer, n, p.key, p.version, MaxResponse)
	}
	buf := getBuffer(int(n))
	defer putBuffer(buf)
	if _, err := io.ReadFull(c.upstream, *buf); err != nil {
		return err
	}
	skip := 0
	if flexibleAnswer(p.key, p.version) {
		tags, err := skipTags(*buf)
		if err != nil {
			return fmt.Errorf("%w: %w (key %d, version %d)", errAnswer, err, p.key, p.version)
		}
		skip = tags
	}
	body, err := p.change((*buf)[skip:])
	if err != nil {
		return fmt.Errorf("%w: %w (key %d, version %d)", errAnswer, err, p.key, p.version)
	}
	out := getBuffer(len(head) + skip + len(body))
	defer putBuffer(out)
	o := append((*out)[:0], head[:]...)
	o = append(o, (*buf)[:skip]...)
	o = append(o, body...)
	binary.BigEndian.PutUint32(o, uint32(len(o)-4))
	return c.write(o)
}

// drain lets the connection end once what it has begun is answered.
func (c *conn) drain() {
	c.draining.Store(true)
	c.sides.Lock()
	defer c.sides.Unlock()
	_ = c.client.SetReadDeadline(time.Now()) // wakes a reader that waits for the next request
}

// finish waits until all requests are answered.
func (c *conn) finish() {
	for range MaxPipelined {
		select {
		case c.slots <- struct{}{}:
		case <-c.ctx.Done():
			return
		}
	}
}

// close ends both sides. It may be called often, and by anyone.
func (c *conn) close() {
	c.cancel()
	c.sides.Lock()
	defer c.sides.Unlock()
	c.closed = true
	_ = c.client.Close()
	if c.upstream != nil {
		_ = c.upstream.Close()
	}
}

func (c *conn) isClosed() bool { return c.ctx.Err() != nil }
