/** All that is kept of a kubeconfig: where the cluster is, whom to trust there, and who we are. */
export interface Credential {
  /** An https URL, possibly with a path (gateways put clusters under one); no user, query or fragment. */
  server: string;
  /** One or more certificates, PEM. The system's own authorities are never trusted besides. */
  ca: string;
  auth: TokenAuth | CertificateAuth;
}

export interface TokenAuth {
  token: string;
}

/** Both PEM. */
export interface CertificateAuth {
  certificate: string;
  key: string;
}
