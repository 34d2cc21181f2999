package proxy

import (
	"sync"
	"time"
)

const (
	MaxPoisoned = 100_000   // transactions that are remembered as poisoned
	PoisonTTL   = time.Hour // for how long, if nobody ends them
)

// transaction is one run of a transactional producer.
type transaction struct {
	producerID int64
	epoch      int16
}

// poisoned are the transactions of which a batch was refused: to commit them would publish the rest as if nothing was
// missing. They are known to this replica only.
type poisoned struct {
	mu    sync.Mutex
	until map[transaction]time.Time
}

// poison notes that a batch of a transaction was refused.
func (s *Server) poison(producerID int64, epoch int16) {
	now := time.Now()
	p := &s.poisoned
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[transaction]time.Time{}
	}
	if len(p.until) >= MaxPoisoned {
		for t, until := range p.until {
			if until.Before(now) {
				delete(p.until, t)
			}
		}
	}
	if len(p.until) >= MaxPoisoned {
		s.quiet.warn("too many poisoned transactions: one is forgotten")
		for t := range p.until {
			delete(p.until, t)
			break
		}
	}
	p.until[transaction{producerID, epoch}] = now.Add(PoisonTTL)
}

func (p *poisoned) has(t transaction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.until[t]
	return ok && time.Now().Before(until)
}

func (p *poisoned) clear(t transaction) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.until, t)
}
