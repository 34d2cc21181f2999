package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/accordhq/accord/catalog"
)

type contextsInput struct {
	Prefix string `query:"contextPrefix" doc:"Beginning of the names" example:".team"`
	Offset number `query:"offset" doc:"Skip so many" example:"0"`
	Limit  number `query:"limit" doc:"At most so many; absent or below 1: all" example:"100"`
}

type contextInput struct {
	Context string `path:"context" doc:"Context" example:".team"`
}

// root is what / says.
type root struct{}

// clusterBody names the clusters, as Confluent's clients ask.
type clusterBody struct {
	Scope clusterScope `json:"scope"`
}

type clusterScope struct {
	Path     []string          `json:"path"`
	Clusters map[string]string `json:"clusters"`
}

// versionOfProgram is what /v1/metadata/version tells.
type versionOfProgram struct {
	Version string `json:"version" example:"1.0.0"`
	Commit  string `json:"commitId" example:"3f2a9c1"`
}

// deployment is what /v1/metadata/deployment tells.
type deployment struct {
	Attributes []string `json:"attributes"`
}

type associationInput struct {
	Rest string `path:"rest" doc:"What the association is asked by" example:"resources/-/orders"`
}

// confluentCluster serves what clients ask about the registry itself.
func (a *API) confluentCluster() {
	add(a, route{
		method: http.MethodGet, path: "/", id: "getRoot", needs: somewhere(catalog.Reader), tag: tagContexts, summary: "Say that a registry is here", answer: `{}`,
	}, func(context.Context, *none, *none) (root, error) { return root{}, nil })
	add(a, route{
		method: http.MethodGet, path: "/contexts", id: "listContexts", needs: somewhere(catalog.Reader), tag: tagContexts, summary: "List contexts", answer: `[".",".team"]`,
	}, a.listContexts)
	add(a, route{
		method: http.MethodDelete, path: "/contexts/{context}", id: "deleteContext", needs: across(catalog.Admin), tag: tagContexts, summary: "Delete an empty context",
		about: "A context is there from its first version and goes with its last, so that all there is to do is to forget its configuration and mode.",
		codes: []int{42205, 42211},
	}, a.deleteContext)
	add(a, route{
		method: http.MethodGet, path: "/v1/metadata/id", id: "getClusterID", needs: somewhere(catalog.Reader), tag: tagContexts, summary: "Name the clusters",
		answer: `{"scope":{"path":[],"clusters":{"kafka-cluster":"accord","schema-registry-cluster":"accord"}}}`,
	}, func(context.Context, *none, *none) (clusterBody, error) {
		return clusterBody{clusterScope{[]string{}, map[string]string{"kafka-cluster": a.config.KafkaCluster, "schema-registry-cluster": "accord"}}}, nil
	})
	add(a, route{
		method: http.MethodGet, path: "/v1/metadata/version", id: "getServerVersion", needs: somewhere(catalog.Reader), tag: tagContexts, summary: "Tell the version of the server",
		answer: `{"version":"1.0.0","commitId":"3f2a9c1"}`,
	}, func(context.Context, *none, *none) (versionOfProgram, error) {
		return versionOfProgram{a.config.Version, a.config.commit()}, nil
	})
	add(a, route{
		method: http.MethodGet, path: "/v1/metadata/deployment", id: "getDeployment", needs: somewhere(catalog.Reader), tag: tagContexts, summary: "Tell the attributes of the deployment, of which there are none",
		answer: `{"attributes":[]}`,
	}, func(context.Context, *none, *none) (deployment, error) { return deployment{[]string{}}, nil })
	add(a, route{
		method: http.MethodGet, path: "/associations/{rest...}", id: "listAssociations", needs: somewhere(catalog.Reader), tag: tagContexts, summary: "List associations, of which there are none",
		about:  "Serializers ask before they produce to a topic; the empty list makes them name the subject by the topic.",
		answer: `[]`,
	}, func(context.Context, *associationInput, *none) ([]string, error) { return []string{}, nil })
}

func (a *API) listContexts(ctx context.Context, in *contextsInput, _ *none) ([]string, error) {
	p, err := pageOf(in.Offset, in.Limit, 0)
	if err != nil {
		return nil, err
	}
	contexts, err := a.registry.Contexts(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range contexts {
		if !mayRead(ctx, catalog.Name{Context: c}) {
			continue
		}
		if name := (catalog.Name{Context: c}).ContextName(); strings.HasPrefix(name, in.Prefix) {
			names = append(names, name)
		}
	}
	return window(p, names), nil
}

func (a *API) deleteContext(ctx context.Context, in *contextInput, _ *none) (none, error) {
	context, err := contextOf(in.Context)
	if err != nil {
		return none{}, err
	}
	if context == "" {
		return none{}, &catalog.Error{Reason: catalog.ContextNotEmpty}
	}
	return none{}, a.registry.DeleteContext(ctx, context)
}
