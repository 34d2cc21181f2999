package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/web/api"
)

// signInFlags are how callers of the registry sign in, beside the API keys of its store.
type signInFlags struct {
	users                                   string
	issuer, audience, userClaim, groupClaim string
	anonymousRead                           bool
}

func (f *signInFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.users, "users", "", "YAML file of users with password hashes (bcrypt, argon2id) and grants, and of groups; read again when it changes")
	cmd.Flags().StringVar(&f.issuer, "oidc-issuer", "", "URL of an identity provider whose tokens are accepted")
	cmd.Flags().StringVar(&f.audience, "oidc-audience", "", "audience that its tokens must be for")
	cmd.Flags().StringVar(&f.userClaim, "oidc-user-claim", "sub", "claim that names the user")
	cmd.Flags().StringVar(&f.groupClaim, "oidc-groups-claim", "groups", "claim that names the user's groups, which --users gives grants")
	cmd.Flags().BoolVar(&f.anonymousRead, "anonymous-read", false, "let those who do not sign in read everything")
}

// access is what the flags say. certificates is whether client certificates are a sign-in.
func (f *signInFlags) access(log *slog.Logger, certificates bool) (api.Access, error) {
	a := api.Access{Keys: true, Certificates: certificates, AnonymousRead: f.anonymousRead}
	if f.users != "" {
		users, err := reload(log, func(texts [][]byte) (*api.Users, error) { return api.ParseUsers(texts[0]) }, f.users)
		if err != nil {
			return a, exit(exitInput, fmt.Errorf("--users: %w", err))
		}
		a.Users = users.get
	}
	if f.issuer == "" && f.audience == "" {
		return a, nil
	}
	if f.users == "" {
		return a, exit(exitUsage, errors.New("--oidc-issuer needs --users: the groups there say who may do what"))
	}
	var err error
	a.OIDC, err = api.NewOIDC(api.OIDCConfig{Issuer: f.issuer, Audience: f.audience, UserClaim: f.userClaim, GroupClaim: f.groupClaim})
	if err != nil {
		return a, exit(exitUsage, fmt.Errorf("--oidc-issuer, --oidc-audience: %w", err))
	}
	return a, nil
}

// on says whether a way in beside the keys of the store is set.
func (f *signInFlags) on(certificates bool) bool {
	return f.users != "" || f.issuer != "" || certificates
}
