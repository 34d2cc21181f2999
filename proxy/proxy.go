// Package proxy is the gate in front of Kafka: an invalid event never reaches a topic.
package proxy
