package proxy

import "time"

const (
	TopReaders   = 2_000  // read rows of a UsageReport
	MaxPositions = 50_000 // partitions of groups whose last commit is remembered
)

// reader is a member of a consumer group.
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

type position struct {
	group, topic string
	partition    int32
}

// committed notes a group's commits: the records that it read are about the distance to its commit before. The first commit
// of a partition tells no distance.
func (o *observer) committed(who reader, commits []commit) {
	if who.group == "" || len(commits) == 0 {
		return
	}
	now := time.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range commits {
		at := position{who.group, c.topic, c.partition}
		last, known := o.positions[at]
		if !known && len(o.positions) >= MaxPositions {
			clear(o.positions) // every group tells its distance again from its next commit but one
		}
		o.positions[at] = c.offset
		var records int64
		if known && c.offset > last {
			records = c.offset - last
		}
		k := readKey{who, c.topic}
		row := o.read[k]
		if row == nil {
			if len(o.read) >= TopReaders {
				o.seenOther += records
				continue
			}
			row = &seenCount{first: now}
			o.read[k] = row
		}
		row.records += records
		row.last = now
	}
}
