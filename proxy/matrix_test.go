package proxy_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/accordhq/accord/proxy"
)

// The clients that people have, each through a gate: what is valid arrives, what is not is refused, and said why to those who
// read it; groups read; a transaction with something refused in it cannot be committed, the next one can.

// clientStep is one line of what a client of testdata/clients says.
type clientStep struct {
	Gate, Step, Text, Told, End string
	Committed                   any // bool, or Java's word for one
	Count, Bad                  json.Number
	Results, Refused            []clientResult
}

type clientResult struct {
	Offset any
	Code   int
	Text   string
}

// steps runs a client and returns its steps by name, those of several gates behind its address.
func steps(t testing.TB, cmd *exec.Cmd) map[string]clientStep {
	t.Helper()
	all, _ := stepsAndRest(t, cmd)
	return all
}

// stepsAndRest is steps, and everything that was printed, within steps or beside them.
func stepsAndRest(t testing.TB, cmd *exec.Cmd) (map[string]clientStep, string) {
	t.Helper()
	cmd.Stdin = strings.NewReader(goodV2 + "\n" + badLines + "\n")
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	t.Logf("%s: %v\n%s%s", filepath.Base(cmd.Path), err, out, errs.String())
	if err != nil {
		t.Fatalf("the client failed: %v", err)
	}
	all := map[string]clientStep{}
	var rest strings.Builder
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s clientStep
		if json.Unmarshal(lines.Bytes(), &s) != nil || s.Step == "" {
			fmt.Fprintln(&rest, lines.Text())
			continue
		}
		rest.WriteString(s.Text)
		if s.Step == "error" {
			t.Errorf("%s", s.Text)
		}
		all[s.Gate+s.Step] = s
	}
	return all, rest.String()
}

// taken says whether a result is an offset.
func (r clientResult) taken() bool { return r.Code == 0 && r.Offset != nil }

const invalidRecord = 87

// TestLibrdkafka drives the newest librdkafka, by Python.
func TestLibrdkafka(t *testing.T) {
	python := os.Getenv("ACCORD_TEST_PYTHON")
	if python == "" {
		leftOut(t, "Python clients (ACCORD_TEST_PYTHON)")
	}
	eachBackend(t, func(t *testing.T, b backend) {
		for _, protocol := range []string{"classic", "consumer"} {
			t.Run(protocol, func(t *testing.T) {
				topic := b.topic(t, "librdkafka", 1)
				_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
				s := steps(t, exec.CommandContext(testContext(t), python, "testdata/clients/librdkafka.py", addr, topic, protocol, "6"))
				for i, r := range s["accept"].Results {
					if !r.taken() {
						t.Errorf("valid event %d: %+v", i, r)
					}
				}
				refused := s["refuse"].Results
				if len(refused) != 3 || refused[1].Code != invalidRecord || refused[0].Code == 0 || refused[2].Code == 0 {
					t.Errorf("one invalid of three = %+v, want INVALID_RECORD for it, and its neighbours refused", refused)
				}
				for i, r := range s["idempotent"].Results {
					if r.taken() != (i%2 == 0) || i%2 == 1 && r.Code != invalidRecord {
						t.Errorf("idempotent, event %d: %+v", i, r)
					}
				}
				if s["poisoned"].Committed != false || s["transaction"].Committed != true {
					t.Errorf("transactions: %+v, then %+v", s["poisoned"], s["transaction"])
				}
				if g := s["group"]; g.Count != "6" || g.Bad != "0" {
					t.Errorf("the group read %s events, %s of them not valid; want 6, none", g.Count, g.Bad)
				}
			})
		}
	})
}

// TestKafkaJS drives kafkajs, which reads no reasons.
func TestKafkaJS(t *testing.T) {
	modules := os.Getenv("ACCORD_TEST_NODE")
	if modules == "" {
		leftOut(t, "Node clients (ACCORD_TEST_NODE)")
	}
	eachBackend(t, func(t *testing.T, b backend) {
		topic := b.topic(t, "kafkajs", 1)
		_, addr := b.gate(t, proxy.Config{Schemas: bound(topic, "")})
		cmd := exec.CommandContext(testContext(t), "node", "testdata/clients/kafkajs.js", addr, topic, "3")
		cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(modules, "node_modules"))
		s := steps(t, cmd)
		if r := s["accept"].Results; len(r) != 1 || !r[0].taken() {
			t.Errorf("valid events: %+v", r)
		}
		if r := s["refuse"].Results; len(r) != 1 || r[0].Code != invalidRecord {
			t.Errorf("a batch with an invalid event: %+v, want INVALID_RECORD", r)
		}
		if p := s["poisoned"]; p.Committed != false || len(p.Refused) != 1 || p.Refused[0].Code != invalidRecord || s["transaction"].Committed != true {
			t.Errorf("transactions: %+v, then %+v", p, s["transaction"])
		}
		if g := s["group"]; g.Count != "3" || g.Bad != "0" {
			t.Errorf("the group read %s events, %s of them not valid; want 3, none", g.Count, g.Bad)
		}
	})
}

// TestJavaClients drives Java's client and Kafka's own tools, in one virtual machine in front of all backends.
func TestJavaClients(t *testing.T) {
	lib := os.Getenv("ACCORD_TEST_KAFKA_LIB")
	if lib == "" {
		leftOut(t, "Kafka's jars (ACCORD_TEST_KAFKA_LIB)")
	}
	type gate struct{ name, addr, topic, free string }
	var gates []gate
	args := []string{"-XX:TieredStopAtLevel=1", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", lib + "/*", "testdata/clients/Matrix.java"}
	for _, b := range []backend{embedded(t), {"kafka", []string{apacheKafka(t)}, nil}} {
		g := gate{name: b.name, topic: b.topic(t, "java", 1), free: b.topic(t, "java-free", 1)}
		_, g.addr = b.gate(t, proxy.Config{Schemas: bound(g.topic, "")})
		gates = append(gates, g)
		args = append(args, g.addr, g.topic, g.free)
	}
	all, printed := stepsAndRest(t, exec.CommandContext(testContext(t), "java", args...))
	for _, g := range gates {
		t.Run(g.name, func(t *testing.T) {
			step := func(name string) clientStep { return all[g.addr+name] }
			const reason = "/lines/0/quantity: minimum"
			for name, want := range map[string]string{"accept": "ok | ok", "after": "ok", "transaction": "ok"} {
				if got := step(name).Told; got != want {
					t.Errorf("%s: told %q, want %q", name, got, want)
				}
			}
			if got := step("refuse").Told; !strings.HasPrefix(got, "InvalidRecordException") || !strings.Contains(got, reason) {
				t.Errorf("an invalid event: told %q, want InvalidRecordException with %s", got, reason)
			}
			if told := strings.Split(step("neighbours").Told, " | "); len(told) != 3 || !strings.Contains(told[1], reason) || !strings.HasPrefix(told[0], "KafkaException") {
				t.Errorf("one invalid of three: told %q", told)
			}
			if p := step("poisoned"); fmt.Sprint(p.Committed) != "false" || !strings.Contains(p.Told, reason) {
				t.Errorf("poisoned transaction: %+v", p)
			}
			for _, protocol := range []string{"classic", "consumer"} {
				if s := step("group " + protocol); s.Count != "4" || s.Bad != "0" {
					t.Errorf("group of protocol %s: %s events, %s not valid; want 4, none", protocol, s.Count, s.Bad)
				}
			}
			if s := step("console-producer"); !strings.Contains(s.End+s.Text, reason) {
				t.Errorf("console producer ends with %s and says %s", s.End, s.Text)
			}
			if s := step("console-consumer"); strings.Count(s.Text, goodV2) != 5 || strings.Contains(s.Text, badLines) {
				t.Errorf("console consumer read:\n%s", s.Text)
			}
			if s := step("producer-perf-test"); !strings.Contains(s.Text, "500 records sent") {
				t.Errorf("producer-perf-test ends with %s and says %s", s.End, s.Text)
			}
			sent := func(name, topic string) (n int) {
				for line := range strings.Lines(printed) {
					if strings.Contains(line, `"name":"`+name+`"`) && strings.Contains(line, `"topic":"`+topic+`"`) {
						n++
					}
				}
				return n
			}
			if n := sent("producer_send_success", g.free); n != 20 {
				t.Errorf("verifiable producer: %d of 20 acknowledged", n)
			}
			if good, bad := sent("producer_send_success", g.topic), sent("producer_send_error", g.topic); good != 0 || bad != 3 {
				t.Errorf("verifiable producer of what is no order: %d acknowledged, %d refused; want 0, 3", good, bad)
			}
		})
	}
}
