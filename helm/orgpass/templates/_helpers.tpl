{{- define "orgpass.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 50 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "orgpass.selector" -}}
app.kubernetes.io/name: orgpass
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: hub
{{- end }}

{{- define "orgpass.labels" -}}
app.kubernetes.io/name: orgpass
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "orgpass.image" -}}
{{- with .Values.image }}{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}{{ end }}
{{- end }}

{{- /* What Pod Security "restricted" asks of a container, and a read-only root. */}}
{{- define "orgpass.securityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "orgpass.storeConfig" -}}
[store]
url = {{ .url | quote }}
{{- if .passwordSecret }}
password_file = "/etc/orgpass-store/password"
{{- end }}
{{- if .caConfigMap }}
ca_file = "/etc/orgpass-store-ca/ca.pem"
{{- end }}
{{- if .replicas }}
replicas = {{ int .replicas }}
{{- end }}
{{- end }}

{{- define "orgpass.storeMounts" -}}
{{- if .passwordSecret }}
- {name: orgpass-store, mountPath: /etc/orgpass-store, readOnly: true}
{{- end }}
{{- if .caConfigMap }}
- {name: orgpass-store-ca, mountPath: /etc/orgpass-store-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "orgpass.storeVolumes" -}}
{{- with .passwordSecret }}
- name: orgpass-store
  secret: {secretName: {{ . | quote }}, defaultMode: 0440, items: [{key: password, path: password}]}
{{- end }}
{{- with .caConfigMap }}
- name: orgpass-store-ca
  configMap: {name: {{ . | quote }}, items: [{key: ca.pem, path: ca.pem}]}
{{- end }}
{{- end }}

{{- define "orgpass.tracesConfig" -}}
{{- if .endpoint }}
[traces]
endpoint = {{ .endpoint | quote }}
sample_ratio = {{ toJson .sampleRatio }}
{{- if .headersSecret }}
headers_file = "/etc/orgpass-traces/headers"
{{- end }}
{{- end }}
{{- end }}

{{- define "orgpass.tracesMounts" -}}
{{- if .headersSecret }}
- {name: orgpass-traces, mountPath: /etc/orgpass-traces, readOnly: true}
{{- end }}
{{- end }}

{{- define "orgpass.tracesVolumes" -}}
{{- with .headersSecret }}
- name: orgpass-traces
  secret: {secretName: {{ . | quote }}, defaultMode: 0440, items: [{key: headers, path: headers}]}
{{- end }}
{{- end }}

{{- define "orgpass.egressConfig" -}}
{{- if .proxyUrl }}

[salesforce]
proxy_url = {{ .proxyUrl | quote }}
{{- if .credentialsSecret }}
proxy_credentials_file = "/etc/orgpass-egress/credentials"
{{- end }}
{{- with .noProxy }}
no_proxy = {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "orgpass.egressMounts" -}}
{{- if and .proxyUrl .credentialsSecret }}
- {name: orgpass-egress, mountPath: /etc/orgpass-egress, readOnly: true}
{{- end }}
{{- end }}

{{- define "orgpass.egressVolumes" -}}
{{- if and .proxyUrl .credentialsSecret }}
- name: orgpass-egress
  secret: {secretName: {{ .credentialsSecret | quote }}, defaultMode: 0440, items: [{key: credentials, path: credentials}]}
{{- end }}
{{- end }}

{{- define "orgpass.env" -}}
- {name: ORGPASS_CONFIG, value: /etc/orgpass/orgpass.toml}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
