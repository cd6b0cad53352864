# Ends a private server when nobody holds its lease any more, whatever ended its owner: SIGKILL included.
#   $1 the lease, a file that users hold a shared lock on     $2 seconds without a user before the end
#   $3 the server's directory, the mark of its processes      $4 "remove" to remove the directory as well
lease=$1 grace=$2 directory=$3 then=$4
exec 9<"$lease"
while :; do
  flock 9
  [ "$grace" = 0 ] && break
  flock --unlock 9
  sleep "$grace"
  flock --nonblock 9 && break
done
marked() {
  grep -qzxF -e "TESTKIT_PRIVATE_SERVER=$directory" "/proc/$1/environ" ||
    grep -qzxF -e "testkit.private_server=$directory" "/proc/$1/cmdline"
}
for process in /proc/[0-9]*; do
  process=${process#/proc/}
  [ "$process" = $$ ] || { marked "$process" && kill -9 "$process"; } 2>/dev/null
done
if [ "$then" = remove ]; then
  # PostgreSQL's children notice the end of their parent by themselves, and may write until then.
  sleep 1
  rm -rf -- "$(readlink -f -- "$directory/data")" "$directory"
fi
