package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// program builds the program once for all tests that run it as a process of its own.
var program = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "accord-program-")
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "accord")
	out, err := exec.Command("go", "build", "-trimpath", "-o", file, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return file, nil
})

// replica is an `accord serve` of its own process, at the same address each time it is started.
type replica struct {
	args    []string
	address string
	url     string
	cmd     *exec.Cmd
	log     *output
	ended   chan struct{} // closed when the process has ended
}

// startReplica starts `accord serve` on a store and waits until it is ready.
func startReplica(t *testing.T, store string, args ...string) *replica {
	t.Helper()
	r := &replica{address: "127.0.0.1:0", log: &output{}, args: append([]string{"--store", store}, args...)}
	r.start(t)
	t.Cleanup(func() { r.kill() })
	return r
}

var servingAt = regexp.MustCompile(`serving.*?(127\.0\.0\.1:[0-9]+)`)

// start starts the process and waits until it is ready.
func (r *replica) start(t *testing.T) {
	t.Helper()
	r.launch(t)
	r.await(t, "readiness", func() bool { return r.ready().Status == http.StatusOK })
}

// launch starts the process and waits until it serves.
func (r *replica) launch(t *testing.T) {
	t.Helper()
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	seen := len(r.log.String())
	r.cmd = exec.Command(file, append([]string{"serve", "--listen", r.address, "--insecure"}, r.args...)...)
	r.cmd.Dir = t.TempDir()
	r.cmd.Stderr = r.log
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := r.cmd, make(chan struct{})
	r.ended = ended
	go func() { cmd.Wait(); close(ended) }()
	r.await(t, "the address", func() bool {
		m := servingAt.FindStringSubmatch(r.log.String()[seen:])
		if m == nil {
			return false
		}
		r.address, r.url = m[1], "http://"+m[1]
		return true
	})
}

// await polls until a condition holds.
func (r *replica) await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-r.ended:
			t.Fatalf("waiting for %s: the process ended\n%s", what, r.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited too long for %s\n%s", what, r.log)
		}
	}
}

// kill ends the process as a power cut does.
func (r *replica) kill() {
	r.cmd.Process.Signal(syscall.SIGCONT)
	r.cmd.Process.Kill()
	<-r.ended
}

// answer is what a replica said. Status 0 means that the connection broke and nobody knows.
type answer struct {
	Status   int
	Code     int    `json:"error_code"`
	Message  string `json:"message"`
	ID       int    `json:"id"`
	Version  int    `json:"version"`
	Schema   string `json:"schema"`
	Cache    string `json:"cache"`
	Body     string
	Revision uint64 // X-Accord-Revision
	Took     time.Duration
}

// unknown says that the outcome may be either.
func (a answer) unknown() bool { return a.Status == 0 || a.Code == 50001 || a.Code == 50002 }

var patient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 30 * time.Second}

// ask sends one request; a body that is no string is sent as JSON, and header is name, value.
func (r *replica) ask(method, path string, body any, header ...string) (a answer) {
	began := time.Now()
	defer func() { a.Took = time.Since(began) }()
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			panic(err)
		}
		in = bytes.NewReader(text)
	}
	q, err := http.NewRequestWithContext(context.Background(), method, r.url+path, in)
	if err != nil {
		panic(err)
	}
	q.Header.Set("Content-Type", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	res, err := patient.Do(q)
	if err != nil {
		a.Body = err.Error()
		return a
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.Body = err.Error()
		return a
	}
	json.Unmarshal(text, &a) // lists and texts have no members
	a.Status, a.Body = res.StatusCode, string(text)
	a.Revision, _ = strconv.ParseUint(res.Header.Get("X-Accord-Revision"), 10, 64)
	return a
}

func (r *replica) ready() answer { return r.ask("GET", "/readyz", nil) }

func (r *replica) register(subject, schema string) answer {
	return r.ask("POST", "/subjects/"+subject+"/versions", map[string]string{"schemaType": "JSON", "schema": schema})
}

func (r *replica) latest(subject string, header ...string) answer {
	return r.ask("GET", "/subjects/"+subject+"/versions/latest", nil, header...)
}

func (r *replica) level(subject, level string) answer {
	return r.ask("PUT", "/config/"+subject, map[string]string{"compatibility": level})
}

// mustBe fails the test unless an answer has a status.
func mustBe(t *testing.T, what string, a answer, status int) answer {
	t.Helper()
	if a.Status != status {
		t.Fatalf("%s = %d %s, want %d", what, a.Status, a.Body, status)
	}
	return a
}

// numbers are the versions of a subject.
func (r *replica) numbers(t *testing.T, subject string) (list []int) {
	t.Helper()
	a := mustBe(t, "versions of "+subject, r.ask("GET", "/subjects/"+subject+"/versions", nil), http.StatusOK)
	if err := json.Unmarshal([]byte(a.Body), &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// holdNeighbours asks the registry whether each live version may follow the one before it.
func (r *replica) holdNeighbours(t *testing.T, subject string) {
	t.Helper()
	numbers := r.numbers(t, subject)
	for i := 1; i < len(numbers); i++ {
		next := mustBe(t, "a version", r.ask("GET", fmt.Sprintf("/subjects/%s/versions/%d", subject, numbers[i]), nil), http.StatusOK)
		held := r.ask("POST", fmt.Sprintf("/compatibility/subjects/%s/versions/%d", subject, numbers[i-1]), map[string]string{"schemaType": "JSON", "schema": next.Schema})
		if !strings.Contains(held.Body, `"is_compatible":true`) {
			t.Errorf("%s: version %d may not follow %d: %s", subject, numbers[i], numbers[i-1], held.Body)
		}
	}
}

// sharedDatabase makes a database on the server that tests are given.
func sharedDatabase(t *testing.T) string {
	t.Helper()
	server := os.Getenv("ACCORD_TEST_POSTGRES")
	if server == "" {
		leaveOut(t, "PostgreSQL (ACCORD_TEST_POSTGRES)")
	}
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("accord_replica_%d_%d", os.Getpid(), time.Now().UnixNano()%1e9)
	do := func(query string) {
		t.Helper()
		conn, err := pgx.Connect(context.Background(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), query); err != nil {
			t.Fatal(err)
		}
	}
	do("CREATE DATABASE " + name)
	t.Cleanup(func() { do("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)") })
	u.Path = "/" + name
	return u.String()
}

// leaveOut skips a test for want of a part; where every part must be there it fails.
func leaveOut(t *testing.T, part string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal("left out: " + part)
	}
	t.Skip("left out: " + part)
}

// database is a PostgreSQL server of one test, which may be stopped and killed.
type database struct {
	bin, dir string
	port     int
	as       *syscall.SysProcAttr
}

// newDatabase makes a server in a temporary folder and starts it.
func newDatabase(t *testing.T) *database {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		leaveOut(t, "PostgreSQL's server (Debian package postgresql)")
	}
	dir, err := os.MkdirTemp("", "accord-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &database{bin: filepath.Dir(found[len(found)-1]), dir: filepath.Join(dir, "db"), port: freePort(t)}
	d.own(t, dir)
	d.must(t, "initdb", "-D", d.dir, "-A", "trust", "-U", "postgres", "-N")
	t.Cleanup(func() { d.run("pg_ctl", "-D", d.dir, "-m", "immediate", "-w", "stop") })
	d.start(t)
	return d
}

// own gives a folder to the user that PostgreSQL runs as: it refuses root.
func (d *database) own(t *testing.T, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	out, err := exec.Command("sh", "-c", "id -u postgres && id -g postgres").Output()
	if err != nil {
		leaveOut(t, "PostgreSQL's user")
	}
	var uid, gid uint32
	if _, err := fmt.Sscan(string(out), &uid, &gid); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// run runs one of the server's programs.
func (d *database) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(d.bin, name), args...)
	cmd.SysProcAttr, cmd.Dir = d.as, filepath.Dir(d.dir)
	log, err := os.CreateTemp("", "accord-postgres-out-") // a pipe would be kept open by the server
	if err != nil {
		return err
	}
	defer os.Remove(log.Name())
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, text)
	}
	return nil
}

func (d *database) must(t *testing.T, name string, args ...string) {
	t.Helper()
	if err := d.run(name, args...); err != nil {
		t.Fatal(err)
	}
}

// start starts the server and waits until it answers.
func (d *database) start(t *testing.T) {
	t.Helper()
	d.must(t, "pg_ctl", "-D", d.dir, "-w", "-t", "60", "-l", d.dir+".log", "-o",
		fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c max_connections=100 -c wal_level=replica -c max_wal_senders=4", d.port, filepath.Dir(d.dir)), "start")
}

// stop stops the server: mode fast ends its sessions, immediate is a crash.
func (d *database) stop(t *testing.T, mode string) {
	t.Helper()
	d.must(t, "pg_ctl", "-D", d.dir, "-m", mode, "-w", "stop")
}

// at is the server's database through an address.
func (d *database) at(address string) string {
	return "postgres://postgres@" + address + "/postgres?sslmode=disable"
}

func (d *database) address() string { return fmt.Sprintf("127.0.0.1:%d", d.port) }

// do runs one statement as the superuser.
func (d *database) do(t *testing.T, query string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.at(d.address()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), query); err != nil {
		t.Fatal(err)
	}
}

// relay is a TCP path that can be cut, be made to swallow every byte, and be led elsewhere.
type relay struct {
	listener net.Listener

	mu     sync.Mutex
	to     string // guarded by mu, as all below
	cut    bool   // connections are refused
	silent bool   // bytes are read and thrown away: a half-open connection
	conns  map[net.Conn]bool
}

func newRelay(t *testing.T, to string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	y := &relay{listener: l, to: to, conns: map[net.Conn]bool{}}
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			go y.serve(from)
		}
	}()
	t.Cleanup(func() { l.Close(); y.lead("", true) })
	return y
}

func (y *relay) address() string { return y.listener.Addr().String() }

// serve carries one connection.
func (y *relay) serve(from net.Conn) {
	y.mu.Lock()
	to, cut := y.to, y.cut
	y.mu.Unlock()
	if cut {
		from.Close()
		return
	}
	onward, err := net.Dial("tcp", to)
	if err != nil {
		from.Close()
		return
	}
	y.mu.Lock()
	y.conns[from], y.conns[onward] = true, true
	y.mu.Unlock()
	carry := func(out, in net.Conn) {
		defer func() { out.Close(); in.Close() }()
		buf := make([]byte, 16<<10)
		for {
			n, err := in.Read(buf)
			if err != nil {
				return
			}
			y.mu.Lock()
			silent := y.silent
			y.mu.Unlock()
			if silent {
				continue
			}
			if _, err := out.Write(buf[:n]); err != nil {
				return
			}
		}
	}
	go carry(onward, from)
	carry(from, onward)
}

// swallow makes the path half-open, or whole again; what was swallowed is lost, so old connections end then.
func (y *relay) swallow(on bool) {
	y.mu.Lock()
	y.silent = on
	y.mu.Unlock()
	if !on {
		y.drop()
	}
}

// lead sends new connections elsewhere, or refuses them, and ends those that are there.
func (y *relay) lead(to string, cut bool) {
	y.mu.Lock()
	y.to, y.cut = to, cut
	y.mu.Unlock()
	y.drop()
}

// drop ends every connection.
func (y *relay) drop() {
	y.mu.Lock()
	defer y.mu.Unlock()
	for c := range y.conns {
		c.Close()
	}
	y.conns = map[net.Conn]bool{}
}

// pause stops a process where it is, or lets it go on.
func pause(t *testing.T, r *replica, on bool) {
	t.Helper()
	signal := syscall.SIGCONT
	if on {
		signal = syscall.SIGSTOP
	}
	if err := r.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// containsLog says whether a replica logged something.
func containsLog(r *replica, text string) bool { return strings.Contains(r.log.String(), text) }

// metricOf reads the value of a metric without labels.
func metricOf(page, name string, value *float64) bool {
	for line := range strings.Lines(page) {
		if n, err := fmt.Sscanf(line, name+" %g", value); n == 1 && err == nil {
			return true
		}
	}
	return false
}

// restore puts the backup in the place of what the server kept; it is stopped.
func (d *database) restore(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(d.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(d.dir+".backup", d.dir); err != nil {
		t.Fatal(err)
	}
	if d.as == nil {
		return
	}
	err := filepath.WalkDir(d.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, int(d.as.Credential.Uid), int(d.as.Credential.Gid))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
}
