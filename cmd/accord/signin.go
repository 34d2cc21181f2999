package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/accordhq/accord/web/api"
)

// signInFlags are how callers of the registry sign in, beside the API keys of its store.
type signInFlags struct {
	users                                   string
	issuer, audience, userClaim, groupClaim string
	clientID, clientSecret, site            string
	scopes                                  []string
	anonymousRead                           bool
}

func (f *signInFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.users, "users", "", "YAML file of users with password hashes (bcrypt, argon2id) and grants, and of groups; read again when it changes")
	cmd.Flags().StringVar(&f.issuer, "oidc-issuer", "", "URL of an identity provider whose tokens are accepted")
	cmd.Flags().StringVar(&f.audience, "oidc-audience", "", "audience that its tokens must be for")
	cmd.Flags().StringVar(&f.userClaim, "oidc-user-claim", "sub", "claim that names the user")
	cmd.Flags().StringVar(&f.groupClaim, "oidc-groups-claim", "groups", "claim that names the user's groups, which --users gives grants")
	cmd.Flags().StringVar(&f.clientID, "oidc-client-id", "", "ID of this site at the identity provider: lets browsers sign in there")
	cmd.Flags().StringVar(&f.clientSecret, "oidc-client-secret-file", "", "file with the secret that goes with --oidc-client-id, read again when it changes; none for a public client")
	cmd.Flags().StringVar(&f.site, "site-url", "", "address of the site as browsers see it, https://HOST: the provider sends them back to its /-/callback")
	cmd.Flags().StringSliceVar(&f.scopes, "oidc-scopes", nil, "what is asked of the provider beside openid, such as groups")
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
		if f.clientID != "" {
			return a, exit(exitUsage, errors.New("--oidc-client-id needs --oidc-issuer and --oidc-audience"))
		}
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
	if f.clientID == "" {
		return a, nil
	}
	login := api.LoginConfig{ClientID: f.clientID, Site: f.site, Scopes: f.scopes}
	if f.clientSecret != "" {
		secret, err := reload(log, func(texts [][]byte) (string, error) { return strings.TrimSpace(string(texts[0])), nil }, f.clientSecret)
		if err != nil {
			return a, exit(exitInput, fmt.Errorf("--oidc-client-secret-file: %w", err))
		}
		login.Secret = secret.get
	}
	if a.Login, err = api.NewLogin(a.OIDC, login); err != nil {
		return a, exit(exitUsage, fmt.Errorf("--oidc-client-id, --site-url: %w", err))
	}
	return a, nil
}

// on says whether a way in beside the keys of the store is set.
func (f *signInFlags) on(certificates bool) bool {
	return f.users != "" || f.issuer != "" || certificates
}
