package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerVariable makes the test program an embedded broker: ADDRESS,FOLDER.
const brokerVariable = "ACCORD_TEST_BROKER_PROCESS"

// runBrokerProcess serves the embedded broker until it is killed.
func runBrokerProcess(setting string) {
	address, dir, _ := strings.Cut(setting, ",")
	_, port, _ := net.SplitHostPort(address)
	n, err := strconv.Atoi(port)
	if err == nil {
		_, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(n), kfake.DataDir(dir), kfake.SeedTopics(2, faultTopic))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {}
}

// A brokerProcess is a broker that can be killed and started again on the same port and data.
type brokerProcess struct {
	address string
	command func() *exec.Cmd
	cmd     *exec.Cmd
	ended   chan struct{}
	log     *output
}

// embeddedBrokerProcess runs the embedded broker in a process of its own.
func embeddedBrokerProcess(t *testing.T) *brokerProcess {
	t.Helper()
	b := &brokerProcess{address: freeRun(t), log: &output{}}
	dir := filepath.Join(t.TempDir(), "broker")
	b.command = func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), brokerVariable+"="+b.address+","+dir)
		return cmd
	}
	b.start(t)
	t.Cleanup(b.kill)
	return b
}

// kafkaProcess runs Apache Kafka in a process of its own.
func kafkaProcess(t *testing.T) *brokerProcess {
	t.Helper()
	lib := os.Getenv("ACCORD_TEST_KAFKA_LIB")
	if lib == "" {
		leaveOut(t, "Kafka's jars (ACCORD_TEST_KAFKA_LIB)")
	}
	b := &brokerProcess{address: freeRun(t), log: &output{}}
	dir := t.TempDir()
	template, err := os.ReadFile("../../proxy/testdata/kafka/server.properties")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(b.address)
	_, sasl, _ := net.SplitHostPort(freeRun(t))
	_, controller, _ := net.SplitHostPort(freeRun(t))
	file := filepath.Join(dir, "server.properties")
	settings := strings.NewReplacer("@PORT@", port, "@SASL@", sasl, "@CONTROLLER@", controller, "@DATA@", filepath.Join(dir, "log")).Replace(string(template))
	settings += "\nbroker.session.timeout.ms=2000\nbroker.heartbeat.interval.ms=500\n" // it is back soon after it was killed
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	java := func(args ...string) *exec.Cmd {
		return exec.Command("java", append([]string{"-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", lib + "/*"}, args...)...)
	}
	if out, err := java("kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", file).CombinedOutput(); err != nil {
		t.Fatalf("format: %v\n%s", err, out)
	}
	b.command = func() *exec.Cmd { return java("kafka.Kafka", file) }
	b.start(t)
	t.Cleanup(b.kill)
	return b
}

// start starts the process and waits until it listens.
func (b *brokerProcess) start(t *testing.T) {
	t.Helper()
	b.cmd = b.command()
	b.cmd.Stdout, b.cmd.Stderr = b.log, b.log
	if err := b.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, ended := b.cmd, make(chan struct{})
	b.ended = ended
	go func() { _ = cmd.Wait(); close(ended) }()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", b.address); err == nil {
			_ = c.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("the broker ended\n%s", b.log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("the broker does not listen\n%s", b.log)
		}
	}
}

// kill ends the process as a power cut does.
func (b *brokerProcess) kill() {
	_ = b.cmd.Process.Kill()
	<-b.ended
}
