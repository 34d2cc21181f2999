package proxy

import (
	"slices"
	"time"
)

const (
	TopReaders   = 2_000  // read rows of a UsageReport
	MaxPositions = 50_000 // partitions of groups whose last commit is remembered

	maxGrouped = 50_000 // clients and topics that are known to be read by groups
	maxAlone   = 2_000  // readers that may belong to no group
)

// reader is a member of a consumer group; group "" reads by itself.
type reader struct {
	producer
	group string
}

// commit is how far a group has read a partition.
type commit struct {
	topic     string
	partition int32
	offset    int64
}

type readKey struct {
	reader
	topic string
}

type clientTopic struct {
	producer
	topic string
}

type position struct {
	group, topic string
	partition    int32
}

// committed notes a group's commits: the records that it read are about the distance to its commit before. The first commit
// of a partition tells no distance.
func (o *observer) committed(who reader, commits []commit) {
	if o.Nothing || who.group == "" || len(commits) == 0 {
		return
	}
	now := time.Now()
	who.producer = who.producer.bounded()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range commits {
		o.readBy(readKey{who, c.topic}, o.advance(who.group, c), now)
	}
}

// advance remembers how far a group has read a partition and returns how far that is from where it was. o.mu is held.
func (o *observer) advance(group string, c commit) (records int64) {
	at := position{group, c.topic, c.partition}
	last, known := o.positions[at]
	if !known && len(o.positions) >= MaxPositions {
		clear(o.positions) // every group tells its distance again from its next commit but one
	}
	o.positions[at] = c.offset
	if known && c.offset > last {
		records = c.offset - last
	}
	return records
}

// readBy adds to a row of readers. o.mu is held.
func (o *observer) readBy(k readKey, records int64, now time.Time) *seenCount {
	if k.group != "" && k.clientID != "" {
		if len(o.grouped) >= maxGrouped {
			clear(o.grouped)
		}
		o.grouped[clientTopic{k.producer, k.topic}] = struct{}{}
	}
	row, fresh, gone := o.read.add(k, max(records, 1))
	if gone != nil {
		o.seenOther += gone.records
	}
	if fresh {
		row.first = now
	}
	row.records += records
	row.last = now
	return row
}

// joined notes that a member of a group reads topics.
func (o *observer) joined(who reader, topics []string) {
	if o.Nothing || who.group == "" {
		return
	}
	now := time.Now()
	who.producer = who.producer.bounded()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, topic := range topics {
		o.readBy(readKey{who, topic}, 0, now)
	}
}

// fetched notes that a client reads topics, without saying for which group.
func (o *observer) fetched(who producer, topics []string) {
	if o.Nothing {
		return
	}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, topic := range topics {
		k := readKey{reader{producer: who.bounded()}, topic}
		row, known := o.alone[k]
		if !known {
			if len(o.alone) >= maxAlone {
				continue
			}
			row.first = now
		}
		row.last = now
		o.alone[k] = row
	}
}

// settleAlone moves readers into the rows that nobody has named a group of for a whole period. o.mu is held.
func (o *observer) settleAlone(now time.Time) {
	for k, c := range o.alone {
		if _, ok := o.grouped[clientTopic{k.producer, k.topic}]; ok {
			delete(o.alone, k)
		} else if now.Sub(c.first) >= ReportEvery {
			delete(o.alone, k)
			row := o.readBy(k, 0, c.first)
			row.last = c.last
		}
	}
}

// polled notes how far a group has read, as the cluster tells it. A group whose commits come through the gate has been
// counted; of the others nobody knows a client.
func (o *observer) polled(group string, commits []commit) {
	if o.Nothing || len(commits) == 0 {
		return
	}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	type sum struct{ records, committed int64 }
	topics := map[string]sum{}
	for _, c := range commits {
		t := topics[c.topic]
		t.records += o.advance(group, c)
		t.committed += c.offset
		topics[c.topic] = t
	}
	for topic, t := range topics {
		row := o.readBy(readKey{reader{group: group}, topic}, t.records, now)
		row.committed = t.committed
	}
}

// topicsOf are the distinct names of a list, without empty ones.
func topicsOf(names []string) []string {
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == "" })
}
