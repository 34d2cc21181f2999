package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// bootstrapNode stands for "any broker": what the bootstrap port leads to.
const bootstrapNode = -1

const maxPort = 65535

// nodes is the map between node ids, the gate's ports and the brokers' addresses. Safe for concurrent use.
type nodes struct {
	bootstrap []string

	mu       sync.Mutex
	first    int              // index of the bootstrap broker that answered last
	address  map[int32]string // node id to host:port, as the cluster tells it
	bound    map[int32]bool   // node ids that have their port
	base     int              // port of the bootstrap listener; 0 until Serve
	bindHost string

	onePort bool // nodes are told apart by name; never changes
}

func newNodes(bootstrap []string, onePort bool) *nodes {
	return &nodes{bootstrap: bootstrap, onePort: onePort, address: map[int32]string{}, bound: map[int32]bool{}}
}

// port returns where clients find a node: the bootstrap port + 1 + id, or the one port that there is.
func (n *nodes) port(id int32) (int32, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.onePort {
		return int32(n.base), true
	}
	if id < 0 || int64(n.base)+1+int64(id) > maxPort {
		return 0, false
	}
	return int32(n.base) + 1 + id, true
}

// learn notes where a node is and says whether its port has still to be bound.
func (n *nodes) learn(id int32, host string, port int32) (bind bool) {
	if id < 0 {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, known := n.address[id]; !known && len(n.address) >= MaxNodes {
		return false
	}
	n.address[id] = net.JoinHostPort(host, strconv.Itoa(int(port)))
	if n.bound[id] || n.base == 0 || n.onePort {
		return false
	}
	n.bound[id] = true
	return true
}

// addresses lists what to dial for a node, best first: its own address when it is known, else the bootstrap brokers.
func (n *nodes) addresses(id int32) []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if id != bootstrapNode {
		if a, ok := n.address[id]; ok {
			return []string{a}
		}
	}
	list := make([]string, 0, len(n.bootstrap))
	for i := range n.bootstrap {
		list = append(list, n.bootstrap[(n.first+i)%len(n.bootstrap)])
	}
	return list
}

// answered notes which bootstrap broker to try first.
func (n *nodes) answered(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, b := range n.bootstrap {
		if b == address {
			n.first = i
		}
	}
}

// dial connects to a node, or to any bootstrap broker.
func (s *Server) dial(ctx context.Context, id int32) (net.Conn, error) {
	var errs []error
	for _, address := range s.nodes.addresses(id) {
		conn, err := s.dialAddress(ctx, "tcp", address)
		if err == nil {
			s.nodes.answered(address)
			return conn, nil
		}
		errs = append(errs, err)
		s.metrics.upstreamErrors.Inc()
	}
	return nil, errors.Join(errs...)
}

func (s *Server) dialAddress(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	conn, err := s.cfg.Dial(ctx, network, address)
	if err != nil || s.cfg.UpstreamTLS == nil {
		return conn, err
	}
	config := s.cfg.UpstreamTLS.Clone()
	if config.ServerName == "" {
		config.ServerName, _, _ = net.SplitHostPort(address)
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	return secured, nil
}

// A door is a port and whom it leads to.
type door struct {
	id int32
	l  net.Listener
}

// bind opens the configured node ports beside the bootstrap port. Nobody is accepted yet.
func (s *Server) bind(ctx context.Context, l net.Listener) ([]door, error) {
	s.addListener(l)
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return nil, fmt.Errorf("proxy: listen on %s: node ports need a TCP address", l.Addr())
	}
	s.nodes.mu.Lock()
	s.nodes.base, s.nodes.bindHost = tcp.Port, tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		s.nodes.bindHost = ""
	}
	s.nodes.mu.Unlock()
	doors := []door{{bootstrapNode, l}}
	if s.nodes.onePort {
		return doors, nil
	}
	for i := range s.cfg.Nodes.Count {
		id := s.cfg.Nodes.First + i
		nl, err := s.listenNode(ctx, id)
		if err != nil {
			return nil, err
		}
		doors = append(doors, door{id, nl})
	}
	return doors, nil
}

// listenNode opens a node's port.
func (s *Server) listenNode(ctx context.Context, id int32) (net.Listener, error) {
	port, ok := s.nodes.port(id)
	if !ok {
		return nil, fmt.Errorf("proxy: node %d: its port would be over %d", id, maxPort)
	}
	address := net.JoinHostPort(s.nodes.bindHost, strconv.Itoa(int(port)))
	l, err := s.cfg.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("proxy: port of node %d: %w", id, err)
	}
	if !s.addListener(l) {
		_ = l.Close()
		return nil, net.ErrClosed
	}
	s.nodes.mu.Lock()
	s.nodes.bound[id] = true
	s.nodes.mu.Unlock()
	return l, nil
}

func (s *Server) addListener(l net.Listener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.listeners = append(s.listeners, l)
	return true
}

// sawNode notes a broker's address and, for a node outside of Config.Nodes, opens its port.
func (s *Server) sawNode(ctx context.Context, id int32, host string, port int32) {
	if !s.nodes.learn(id, host, port) {
		return
	}
	l, err := s.listenNode(ctx, id)
	if err != nil {
		s.log.Error("node port not bound", "node", id, "err", err)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		// Counted while closing cannot have begun: drain waits for this loop too.
		s.wg.Go(func() { s.accept(ctx, id, l) })
	}
}

// move replaces a broker's address by the gate's own, in place, and notes what it was. An absent node (id -1) stays.
func (c *conn) move(id int32, host *string, port *int32) {
	if id < 0 {
		return
	}
	c.srv.sawNode(c.serveCtx, id, *host, *port)
	ours, ok := c.srv.nodes.port(id)
	if !ok {
		c.srv.quiet.warn("node id too large for a port of its own", "node", id)
	}
	*host, *port = c.host, ours
	if domain := c.srv.cfg.SNI; domain != "" {
		*host = sniNode + strconv.Itoa(int(id)) + "." + domain
	}
}

// The names of the doors of a gate that tells nodes apart by the name in the TLS greeting.
const (
	sniBootstrap = "bootstrap"
	sniNode      = "broker-"
)

// sniDoor says whom a name leads to.
func sniDoor(name, domain string) (id int32, err error) {
	door, ok := strings.CutSuffix(strings.ToLower(name), "."+strings.ToLower(domain))
	if ok && door == sniBootstrap {
		return bootstrapNode, nil
	}
	if n, found := strings.CutPrefix(door, sniNode); ok && found {
		if id, err := strconv.ParseInt(n, 10, 32); err == nil && id >= 0 && strconv.FormatInt(id, 10) == n {
			return int32(id), nil
		}
	}
	return 0, fmt.Errorf("no door of the name %.253q", name)
}

// accept takes clients of one door until its listener is closed.
func (s *Server) accept(ctx context.Context, id int32, l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) || ctx.Err() != nil {
				return
			}
			s.quiet.warn("accept", "err", err) // out of descriptors, most likely: wait for some to be closed
			select {
			case <-time.After(acceptPause):
			case <-ctx.Done():
				return
			}
			continue
		}
		c := newConn(s, ctx, id, client)
		if why := s.admit(c); why != "" {
			s.quiet.warn("connection refused", "why", why, "remote", client.RemoteAddr().String())
			_ = client.Close()
			continue
		}
		s.wg.Go(func() {
			defer s.release(c)
			c.serve()
		})
	}
}

const acceptPause = 100 * time.Millisecond

// admit counts a connection in, or says why not.
func (s *Server) admit(c *conn) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return "closing"
	case len(s.conns) >= s.limits.MaxConnections:
		return "too many connections"
	case s.perHost[c.remote] >= s.limits.MaxPerAddress:
		return "too many connections from this address"
	}
	s.conns[c] = struct{}{}
	s.perHost[c.remote]++
	return ""
}

func (s *Server) release(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.perHost[c.remote]--; s.perHost[c.remote] <= 0 {
		delete(s.perHost, c.remote)
	}
}
