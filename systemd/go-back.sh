# diemcau: give up the release that was on trial when the power went; diemcau-trial.service runs it before the agent.
# Plain sh: nothing of a release is needed. A power cut anywhere in here is one more boot that runs it again.
set -eu
cd "${1:-/opt/diemcau}"
given_up=$(readlink current || true)
read -r before < trial
if [ -x "releases/$before/bin/diemcau" ]; then
    ln -sfn "releases/$before" .current.back
    mv -T .current.back current
    printf '%s\n' "${given_up#releases/}" > went-back || true  # a full disk; it is only told
    sync
    [ ! -d /run/systemd/system ] || systemctl daemon-reload
    echo "the power went while ${given_up#releases/} was on trial: $before runs again"
else
    echo "the power went while ${given_up#releases/} was on trial, and $before is not there: it stays"
fi
rm -f trial
sync
