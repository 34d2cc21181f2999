package main

import (
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// gateProcess is an `accord proxy` that can be killed and started again on the same ports.
type gateProcess struct {
	kafka, web string // host:port
	args       []string
	log        *output
	cmd        *exec.Cmd
	ended      chan struct{}
}

// startGateProcess runs a gate in front of brokers until the test ends.
func startGateProcess(t *testing.T, brokers, registry string, args ...string) *gateProcess {
	t.Helper()
	g := &gateProcess{kafka: freeRun(t), web: freeRun(t), log: &output{}}
	g.args = append([]string{"proxy", "--listen", g.kafka, "--http", g.web, "--nodes", "1", "--brokers", brokers, "--registry", registry}, args...)
	g.start(t)
	t.Cleanup(g.kill)
	return g
}

// start starts the process and waits until it is ready.
func (g *gateProcess) start(t *testing.T) {
	t.Helper()
	file, err := program()
	if err != nil {
		t.Fatal(err)
	}
	g.cmd = exec.Command(file, g.args...)
	g.cmd.Dir = t.TempDir()
	g.cmd.Stderr = g.log
	if err := g.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := g.cmd, make(chan struct{})
	g.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	for deadline := time.Now().Add(60 * time.Second); !g.ready(); time.Sleep(5 * time.Millisecond) {
		select {
		case <-ended:
			t.Fatalf("accord proxy ended\n%s", g.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("accord proxy is not ready\n%s", g.log)
		}
	}
}

func (g *gateProcess) ready() bool {
	res, err := http.Get("http://" + g.web + "/readyz")
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// kill ends the process as a power cut does.
func (g *gateProcess) kill() {
	_ = g.cmd.Process.Kill()
	<-g.ended
}

// post sends JSON to the gate; status 0: nobody answered.
func (g *gateProcess) post(path, body string) (status int, answer string) {
	res, err := http.Post("http://"+g.web+path, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}
