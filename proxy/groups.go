package proxy

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	GroupPoll = 5 * time.Minute // between two questions about groups, ±20 %
	MaxGroups = 5_000           // groups of a cluster that are asked about

	groupsTimeout = time.Minute
	groupsAtOnce  = 100 // groups asked about together
)

// pollGroups asks the cluster how far its groups have read, until ctx ends: those that read past the gate are known by
// nothing else. A cluster that does not say so to the gate is asked again later.
func (s *Server) pollGroups(ctx context.Context, own *kgo.Client) {
	every := s.cfg.Observe.GroupPoll
	if every == 0 {
		every = GroupPoll
	}
	for {
		if err := s.pollGroupsOnce(ctx, kadm.NewClient(own)); err != nil && ctx.Err() == nil {
			s.quiet.info("groups", "the cluster does not say what its groups read", "err", err)
		}
		select {
		case <-time.After(jitter(every)):
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) pollGroupsOnce(ctx context.Context, admin *kadm.Client) error {
	ctx, cancel := context.WithTimeout(ctx, groupsTimeout)
	defer cancel()
	listed, err := admin.ListGroups(ctx)
	if err != nil {
		return err
	}
	groups := listed.Groups()
	slices.Sort(groups)
	groups = groups[:min(len(groups), MaxGroups)]
	for chunk := range slices.Chunk(groups, groupsAtOnce) {
		for _, answer := range admin.FetchManyOffsets(ctx, chunk...) {
			if answer.Err != nil {
				continue // gone meanwhile, or not ours to see
			}
			var commits []commit
			for _, o := range answer.Fetched.Sorted() {
				if o.Err == nil && o.At >= 0 && len(commits) < MaxPartitions {
					commits = append(commits, commit{o.Topic, o.Partition, o.At})
				}
			}
			s.observer.polled(answer.Group, commits)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}
