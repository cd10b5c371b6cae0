{{- /*
The sidecar, for an application's chart that has this one as a dependency:

  initContainers: {{- include "orgpass.sidecar" .Subcharts.orgpass | nindent 8 }}
  volumes: {{- include "orgpass.sidecarVolumes" .Subcharts.orgpass | nindent 8 }}

It starts before the application and ends after it. It has no preStop hook:
Kubernetes runs those of all containers at once, so one that drains would end
the proxy under an application that is still at work. Its SIGTERM comes only
when all other containers have ended, and drains: docs/deployment.md.
*/}}
{{- define "orgpass.sidecar" -}}
- name: orgpass
  image: {{ include "orgpass.image" . | quote }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  restartPolicy: Always
  args: [serve]
  env: {{- include "orgpass.env" .Values.sidecar.env | nindent 4 }}
  ports:
    - {name: orgpass-ops, containerPort: 8181}
  startupProbe:
    exec: {command: [/orgpass, wait, --timeout, "0"]}
    periodSeconds: 1
    timeoutSeconds: 5
    failureThreshold: 120
  livenessProbe:
    httpGet: {path: /livez, port: 8181}
  readinessProbe:
    httpGet: {path: /readyz, port: 8181}
    periodSeconds: 5
  resources: {{- toYaml .Values.sidecar.resources | nindent 4 }}
  securityContext: {{- include "orgpass.securityContext" . | nindent 4 }}
  volumeMounts:
    - {name: orgpass-config, mountPath: /etc/orgpass, readOnly: true}
    - {name: orgpass-keys, mountPath: /etc/orgpass-keys, readOnly: true}
    - {name: orgpass-run, mountPath: /run/orgpass}
    {{- if eq .Values.sidecar.listen "unix" }}
    - {name: orgpass-proxy, mountPath: /run/orgpass-proxy}
    {{- end }}
    {{- include "orgpass.storeMounts" .Values.sidecar.store | nindent 4 }}
    {{- include "orgpass.egressMounts" .Values.sidecar.egress | nindent 4 }}
    {{- include "orgpass.tracesMounts" .Values.sidecar.traces | nindent 4 }}
{{- end }}

{{- define "orgpass.sidecarVolumes" -}}
- name: orgpass-config
  configMap: {name: {{ include "orgpass.name" . }}-sidecar}
- name: orgpass-keys
  secret: {secretName: {{ .Values.sidecar.keysSecret | quote }}, defaultMode: 0440, items: [{key: session.keys, path: session.keys}]}
- name: orgpass-run
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- if eq .Values.sidecar.listen "unix" }}
- name: orgpass-proxy
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- end }}
{{- include "orgpass.storeVolumes" .Values.sidecar.store }}
{{- include "orgpass.egressVolumes" .Values.sidecar.egress }}
{{- include "orgpass.tracesVolumes" .Values.sidecar.traces }}
{{- end }}
